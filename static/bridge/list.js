// The message list: a hundred rows that are filled anew a few times a second, however many messages come.

import { pretty } from "./payload.js";
import { set } from "./text.js";

const ROWS = 100;
const SHORT = 160;
const PERIOD_MS = 100;
/** On a touch screen what was tapped last counts as hovered, long after the finger has gone. */
const POINTS = matchMedia("(hover: hover)").matches;
const ARROWS = { in: "←", out: "→", ack: "✓", trouble: "!" };
const WAYS = { in: "received", out: "sent", ack: "ack", trouble: "trouble" };

/** Shows a Stream in the page. `run()` once; it then follows the display's frames. */
export class MessageList {
  #stream;
  #list = document.querySelector("#list");
  #none = document.querySelector("#none");
  #held = document.querySelector("#held");
  #pause = document.querySelector("#pause");
  #filter = document.querySelector("#filter");
  #hideWorld = document.querySelector("#hide-world");
  #rows = [];
  #frozen = null;
  #dirty = true;
  #drawn = 0;
  #shown = 0; // how many had passed when the list was last made anew

  constructor(stream) {
    this.#stream = stream;
  }

  run() {
    this.#pause.addEventListener("click", () => this.#setPaused(!this.#paused));
    document.querySelector("#clear").addEventListener("click", () => this.#clear());
    this.#filter.addEventListener("input", () => this.#show());
    this.#hideWorld.addEventListener("change", () => this.#show());
  }

  /** Something was added to the stream. */
  changed() {
    this.#dirty = true;
  }

  /** Called for each frame; draws when there is something new and the last time was a while ago. */
  frame(now) {
    if (!this.#dirty || now - this.#drawn < PERIOD_MS) return;
    this.#drawn = now;
    const why = this.#whyHeld();
    this.#dirty = why !== ""; // nothing tells that the reader has left the list but looking again
    if (why) this.#freeze(why);
    else this.#thaw();
  }

  get #paused() {
    return this.#pause.getAttribute("aria-pressed") === "true";
  }

  // Rows must not move away under a pointer, a keyboard focus or a reader's eyes.
  #whyHeld() {
    if (this.#paused) return "paused";
    if (this.#list.querySelector("details[open]")) return "held while a message is open";
    if (this.#list.matches(POINTS ? ":hover, :focus-within" : ":focus-within")) return "held while you are on the list";
    return "";
  }

  #freeze(why) {
    this.#frozen ??= this.#ring();
    const newer = this.#stream.counts.all - this.#shown;
    set(this.#held, `${newer.toLocaleString("en")} newer, ${why}`);
    this.#held.title = this.#held.textContent; // there may be no room for all of it
  }

  #thaw() {
    this.#frozen = null;
    set(this.#held, "");
    this.#held.title = "";
    this.#show();
  }

  #setPaused(paused) {
    this.#pause.setAttribute("aria-pressed", String(paused));
    this.#pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) for (const open of this.#list.querySelectorAll("details[open]")) open.open = false;
    if (paused) this.#freeze("paused");
    this.#dirty = true;
  }

  #clear() {
    this.#stream.clear();
    this.#frozen = null;
    this.#show();
  }

  #ring() {
    return { all: this.#stream.newest(true), others: this.#stream.newest(false) };
  }

  // What is held keeps what it holds: a filter looks through the messages of that moment.
  #entries() {
    const ring = this.#frozen ?? this.#ring();
    const entries = this.#hideWorld.checked ? ring.others : ring.all;
    const text = this.#filter.value.trim().toLowerCase();
    return (text ? entries.filter((entry) => entry.contains(text)) : entries).slice(0, ROWS);
  }

  #show() {
    const entries = this.#entries();
    this.#tellEmpty(entries.length === 0);
    if (!this.#frozen) this.#shown = this.#stream.counts.all;
    while (this.#rows.length < entries.length) this.#addRow();
    this.#rows.forEach((row, i) => row.show(entries[i]));
  }

  // Nothing has come, or nothing of what has come is looked for: two things.
  #tellEmpty(empty) {
    const sought = this.#filter.value.trim();
    this.#list.hidden = empty;
    this.#none.hidden = !empty;
    if (empty) set(this.#none, sought ? `None of the last messages contains “${sought}”.` : "Nothing yet.");
  }

  #addRow() {
    const row = new Row();
    this.#rows.push(row);
    this.#list.append(row.element);
  }
}

/** One line of the list, used again for other messages. */
class Row {
  entry = null;
  element = document.createElement("li");
  #details = document.createElement("details");
  #summary = document.createElement("summary");
  #full = document.createElement("pre");
  #parts = Object.fromEntries(["time", "way", "event", "size", "text"].map((name) => [name, part(name)]));

  constructor() {
    this.#summary.append(...Object.values(this.#parts));
    this.#full.tabIndex = 0;
    this.#details.append(this.#summary, this.#full);
    this.#details.addEventListener("toggle", () => this.#fill());
    this.element.append(this.#details);
  }

  show(entry) {
    if (entry === this.entry) return;
    this.entry = entry ?? null;
    this.element.hidden = !entry;
    this.#details.open = false;
    if (entry) this.#write(entry);
  }

  #write(entry) {
    const { time, way, event, size, text } = this.#parts;
    this.element.dataset.way = entry.way;
    time.textContent = clock(entry.time);
    way.textContent = ARROWS[entry.way];
    way.title = WAYS[entry.way];
    way.setAttribute("aria-label", WAYS[entry.way]);
    set(event, entry.times > 1 ? `${entry.event} × ${entry.times}` : entry.event);
    size.textContent = entry.way === "trouble" ? "" : `${entry.about ? "about " : ""}${bytes(entry.size)}`;
    set(text, entry.text.length > SHORT ? `${entry.text.slice(0, SHORT)}…` : entry.text);
  }

  // The whole payload goes into the document only while it is open: it may be a megabyte.
  #fill() {
    set(this.#full, this.#details.open && this.entry ? pretty(this.entry.text) || "no arguments" : "");
  }
}

/** 1,536 → "1.5 kB". */
export function bytes(count) {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

function part(name) {
  const element = document.createElement("span");
  element.className = name;
  if (name === "way") element.setAttribute("role", "img");
  return element;
}

function clock(time) {
  const date = new Date(time);
  const two = (value) => String(value).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}
