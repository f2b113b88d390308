// The last messages and the rates: bounded in number and in bytes, whatever comes.

import { argumentsText, maybeWorld, sizeOf, textOf } from "./payload.js";

const KEPT = 500;
const KEPT_BYTES = 8 * 1024 * 1024;

/** One event that came ("in"), went ("out") or answered one ("ack"). Its text is made when somebody looks. */
class Entry {
  #text;
  #sought = "";
  #found = false;

  constructor(number, way, event, args) {
    this.number = number;
    this.way = way;
    this.event = event;
    this.time = Date.now();
    // Only the first argument of what comes is payload: the last one may be an offset for recovery.
    this.value = way === "in" ? args[0] : undefined;
    this.args = args;
    this.world = way === "in" && maybeWorld(this.value);
    this.size = way === "in" ? sizeOf(this.value) : sizeOf(this.text);
  }

  get text() {
    this.#text ??= this.way === "in" ? textOf(this.value) : argumentsText(this.args);
    return this.#text;
  }

  /** Whether this text, in small letters, is in it; remembered, as a list that filters asks again and again. */
  contains(text) {
    if (this.#sought === text) return this.#found;
    this.#sought = text;
    this.#found = this.event.toLowerCase().includes(text) || this.text.toLowerCase().includes(text);
    return this.#found;
  }
}

/** The newest entries: at most KEPT, at most KEPT_BYTES. */
class Ring {
  #entries = [];
  #bytes = 0;

  add(entry) {
    this.#entries.push(entry);
    this.#bytes += entry.size;
    // Twice the length before cutting: one copy per KEPT entries instead of one per entry.
    if (this.#entries.length >= 2 * KEPT) this.#cut(this.#entries.length - KEPT);
    while (this.#bytes > KEPT_BYTES && this.#entries.length > 1) this.#cut(Math.ceil(this.#entries.length / 2));
  }

  #cut(count) {
    for (const gone of this.#entries.splice(0, count)) this.#bytes -= gone.size;
  }

  newest() {
    return this.#entries.slice(-KEPT);
  }
}

/** All that passed, counted, and the last of it. */
export class Stream {
  #worlds = new Ring();
  #others = new Ring();
  #samples = [];
  #count = { in: 0, out: 0, ack: 0, bytes: 0, all: 0 };

  /** Note one event; returns its entry. */
  add(way, event, args) {
    const entry = new Entry((this.#count.all += 1), way, event, args);
    // Rings of their own, so that 30 worlds a second do not push out the one answer that was waited for.
    (entry.world ? this.#worlds : this.#others).add(entry);
    this.#count[way] += 1;
    if (way === "in") this.#count.bytes += entry.size;
    return entry;
  }

  get counts() {
    return { ...this.#count };
  }

  clear() {
    this.#worlds = new Ring();
    this.#others = new Ring();
  }

  /** The newest entries first. */
  newest(withWorlds) {
    const others = this.#others.newest();
    const all = withWorlds ? [...others, ...this.#worlds.newest()].sort((a, b) => a.number - b.number) : others;
    return all.slice(-KEPT).reverse();
  }

  /** Per second, over the last second or two: {in, out, bytes}. Call it a few times a second. */
  rates(now) {
    this.#samples.push({ at: now, ...this.#count });
    while (this.#samples.length > 2 && now - this.#samples[1].at >= 1000) this.#samples.shift();
    const first = this.#samples[0];
    const seconds = Math.max(0.25, (now - first.at) / 1000);
    const per = (key) => (this.#count[key] - first[key]) / seconds;
    return { in: per("in"), out: per("out"), bytes: per("bytes") };
  }
}
