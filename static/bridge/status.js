// The two connections in words, colour and shape: browser to bridge, and bridge to server (the link).

import { commandWith } from "./command.js";
import { set } from "./text.js";

const LINK = {
  connected: { tone: "go", word: "connected" },
  silent: { tone: "wait", word: "silent" },
  stalled: { tone: "wait", word: "not reading" },
  connecting: { tone: "wait", word: "connecting" },
  waiting: { tone: "stop", word: "down" },
  closed: { tone: "stop", word: "closed" },
};
/** Connected, and yet something seems wrong: in a word. */
const HINTED = { "silent-after-event": "no answer", "closes-after-event": "no answer", "expects-first": "no answer" };
const NOT_UNDERSTOOD = "not understood";
/** Why the bridge closed this connection. */
const CLOSED = {
  stopping: "the bridge was stopped",
  slow: "this page read too slowly and was cut off by the bridge",
  replaced: "another connection has taken this page's place",
};
/** A link that is tried again five times a second is one piece of news, not ten. */
const ANNOUNCE_MS = 700;
const COPIED_MS = 2000;

export class Status {
  #settings;
  #server;
  #browser = { tone: "wait", word: "connecting", detail: "", again: true };
  #closing = "";
  #link = null;
  #nextTry = null;
  #announced = "";
  #timer = 0;

  /** `settings`: the page's. */
  constructor(settings) {
    this.#settings = settings;
    this.#server = settings.server || "the server"; // strangers are not told
  }

  run() {
    this.#show();
    setInterval(() => this.#countDown(), 200);
    document.querySelector("#notice-copy").addEventListener("click", (event) => copy(event.currentTarget));
  }

  /** The browser is connected to the bridge. */
  connected(transport) {
    this.#closing = "";
    this.#tellBrowser("go", "connected", `by ${transport}`);
  }

  /** A `bridge:closing` event: the bridge says why it is about to close the connection. */
  closing(code) {
    this.#closing = CLOSED[code] ?? `closed by the bridge (${code})`;
  }

  /** The browser's connection has ended. `again`: the client connects again by itself. */
  disconnected(reason, again) {
    this.#tellBrowser(again ? "wait" : "stop", again ? "reconnecting" : "disconnected", this.#closing || reason, again);
  }

  /** An attempt has failed. What the bridge said when it closed the connection is still why there is none; a refusal,
      after which the client does not try again, says more. */
  failed(reason, again) {
    this.#tellBrowser("stop", again ? "no connection" : "refused", (again && this.#closing) || reason, again);
  }

  #tellBrowser(tone, word, detail, again = true) {
    this.#browser = { tone, word, detail, again };
    if (tone !== "go") this.#link = null; // it may change meanwhile; the bridge tells at each connect
    this.#show();
  }

  /** A `bridge:link` event. */
  link({ state, reason, next_try_s: next, since, silent, hint }) {
    const known = state in LINK ? state : "closed";
    this.#link = { state: known, reason: reason ?? "", since, silent: silent === true, hint: hint ?? null };
    this.#nextTry = Number.isFinite(next) ? performance.now() + next * 1000 : null;
    this.#show();
  }

  /** Whether what is emitted now reaches the server. */
  get linkUp() {
    return this.#link?.state === "connected";
  }

  // Connected, and the bridge sees what is wrong all the same.
  get #stalled() {
    return this.#link?.state === "connected" && this.#link.reason !== "";
  }

  // Without the bridge nobody here knows how its link is.
  get #shownLink() {
    if (this.#browser.tone !== "go") return { tone: "off", word: "unknown", detail: "" };
    if (!this.#link) return { tone: "off", word: "not told yet", detail: "" };
    const { state, reason, since, silent, hint } = this.#link;
    if (state !== "connected") return { ...LINK[state], detail: reason };
    if (this.#stalled) return { ...LINK.stalled, detail: reason }; // what is seen goes before what is guessed
    if (hint) return { tone: "wait", word: HINTED[hint.code] ?? NOT_UNDERSTOOD, detail: `connected ${sinceWords(since)}` };
    // Connected, and that is all that is known: it may have nothing to say, or its program hangs.
    if (silent) return { ...LINK.silent, detail: `connected ${sinceWords(since)}, but says nothing` };
    return { ...LINK.connected, detail: sinceWords(since) };
  }

  #show() {
    const link = this.#shownLink;
    paint("near", this.#browser);
    paint("far", link);
    const what = this.#trouble(link);
    set("#notice-what", what);
    document.querySelector("#notice").hidden = !what;
    document.querySelector("#notice").dataset.tone = this.#browser.tone === "go" ? link.tone : this.#browser.tone;
    this.#remedy();
    this.#countDown();
    const name = this.#settings.server && ` ${this.#settings.server}`;
    this.#announce(what || `Connected to the bridge. The server${name} is ${link.word}.`);
  }

  // What the hint that is shown says to try, as a line to copy.
  #remedy() {
    const flag = (this.#stalled ? null : this.#link?.hint?.try) ?? "";
    document.querySelector("#notice-try").hidden = !flag;
    if (flag) set("#notice-command", commandWith(this.#settings, flag));
  }

  #trouble(link) {
    if (this.#browser.tone !== "go") {
      const next = this.#browser.again ? "It connects again by itself." : "Reload the page to try again.";
      return `This page is not connected to the bridge${because(this.#browser.detail)}. ${next}`;
    }
    if (!this.#link) return "";
    if (this.#stalled) return `${sentence(this.#link.reason)}.`;
    const hint = this.#link.hint ? sentence(this.#link.hint.text) : "";
    if (this.#link.state === "connected") return hint;
    // That it is down is seen; what it may come from is a guess, and comes after it.
    return `${this.#downWords(link.word)}${hint && ` ${hint}`}`;
  }

  #downWords(word) {
    const why = because(this.#link.reason);
    if (this.#link.state === "connecting") return `The bridge is connecting to ${this.#server}${why}.`;
    return `The link to ${this.#server} is ${word}${why}.`;
  }

  #countDown() {
    const waits = this.#browser.tone === "go" && this.#link?.state === "waiting" && this.#nextTry !== null;
    const seconds = waits ? Math.ceil((this.#nextTry - performance.now()) / 1000) : 0;
    set("#notice-next", !waits ? "" : seconds > 0 ? `Next try in ${seconds} s.` : "Trying now.");
  }

  #announce(words) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (words !== this.#announced) set("#announce", words);
      this.#announced = words;
    }, ANNOUNCE_MS);
  }
}

function paint(side, { tone, word, detail }) {
  document.querySelector(`#${side}`).dataset.tone = tone;
  document.querySelector(`#${side}-state`).dataset.tone = tone;
  set(`#${side}-state strong`, word);
  set(`#${side}-detail`, detail);
}

function because(reason) {
  return reason ? `: ${reason.replace(/[.\s]+$/, "")}` : "";
}

// It may end with what the server sent, to which nothing is to be added.
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function copy(button) {
  const command = document.querySelector("#notice-command");
  let word = "Copied";
  try {
    await navigator.clipboard.writeText(command.textContent);
  } catch {
    // A page that is neither https nor this machine's may not; what is selected can be copied by hand.
    getSelection().selectAllChildren(command);
    word = "Selected: copy it";
  }
  button.textContent = word;
  setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
}

function sinceWords(since) {
  if (!Number.isFinite(since)) return "";
  const then = new Date(since * 1000);
  const today = then.toDateString() === new Date().toDateString();
  const day = today ? "" : `${then.toLocaleDateString("en-GB", { day: "numeric", month: "long" })}, `;
  return `since ${day}${then.toLocaleTimeString("en-GB")}`;
}
