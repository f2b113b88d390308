// The last messages and the rates: bounded in number and in bytes, whatever comes.

import { argumentsSize, argumentsText, isReplaced, maybeWorld, sizeOf, textOf } from "./payload.js";

const KEPT = 500;
const KEPT_BYTES = 8 * 1024 * 1024;

/** What can come again and again in a moment, and is one row then. */
const STATES = new Set(["bridge:link"]);

/** One event that came ("in"), went ("out") or answered one ("ack"), or a trouble that the bridge tells of ("trouble").
    Its text is made when somebody looks. */
class Entry {
  #text;
  #sought = "";
  #found = false;
  times = 1; // so often in a row

  constructor(number, way, event, args, size) {
    this.number = number;
    this.way = way;
    this.event = event;
    this.time = Date.now();
    // Only the first argument of what comes is payload: the last one may be an offset for recovery.
    this.value = way === "in" ? args[0] : undefined;
    this.args = args;
    this.world = way === "in" && maybeWorld(this.value);
    this.size = size ?? (way === "in" ? sizeOf(this.value) : argumentsSize(args));
    this.about = way === "in" && isReplaced(this.value);
  }

  get text() {
    this.#text ??= this.#worded();
    return this.#text;
  }

  #worded() {
    if (this.way === "trouble") return this.args[0];
    return this.way === "in" ? textOf(this.value) : argumentsText(this.args);
  }

  /** Whether it tells the newer state of what `other` told of. */
  supersedes(other) {
    return STATES.has(this.event) && this.way === "in" && other?.event === this.event && other.way === this.way;
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
    const last = this.#entries.at(-1);
    if (entry.supersedes(last)) {
      entry.times += last.times;
      this.#cut(1, this.#entries.length - 1);
    }
    this.#entries.push(entry);
    this.#bytes += entry.size;
    // Twice the length before cutting: one copy per KEPT entries instead of one per entry.
    if (this.#entries.length >= 2 * KEPT) this.#cut(this.#entries.length - KEPT);
    while (this.#bytes > KEPT_BYTES && this.#entries.length > 1) this.#cut(Math.ceil(this.#entries.length / 2));
  }

  #cut(count, from = 0) {
    for (const gone of this.#entries.splice(from, count)) this.#bytes -= gone.size;
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
  #count = { in: 0, out: 0, ack: 0, trouble: 0, bytes: 0, all: 0 };

  /** Note one event; returns its entry. `size`: its bytes on the wire, where that is known. */
  add(way, event, args, size) {
    const entry = new Entry((this.#count.all += 1), way, event, args, size);
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
