// The two connections in words, colour and shape: browser to bridge, and bridge to server (the link).

import { set } from "./text.js";

const LINK = {
  connected: { tone: "go", word: "connected" },
  silent: { tone: "wait", word: "silent" },
  connecting: { tone: "wait", word: "connecting" },
  waiting: { tone: "stop", word: "down" },
  closed: { tone: "stop", word: "closed" },
};
/** A link that is tried again five times a second is one piece of news, not ten. */
const ANNOUNCE_MS = 700;

export class Status {
  #server;
  #browser = { tone: "wait", word: "connecting", detail: "" };
  #link = null;
  #nextTry = null;
  #announced = "";
  #timer = 0;

  constructor(server) {
    this.#server = server;
  }

  run() {
    this.#show();
    setInterval(() => this.#countDown(), 200);
  }

  /** Browser to bridge. `tone`: go, wait, stop. */
  browser(tone, word, detail = "") {
    this.#browser = { tone, word, detail };
    if (tone !== "go") this.#link = null; // it may change meanwhile; the bridge tells at each connect
    this.#show();
  }

  /** A `bridge:link` event. */
  link({ state, reason, next_try_s: next, since, silent }) {
    this.#link = { state: state in LINK ? state : "closed", reason: reason ?? "", since, silent: silent === true };
    this.#nextTry = Number.isFinite(next) ? performance.now() + next * 1000 : null;
    this.#show();
  }

  /** Whether what is emitted now reaches the server. */
  get linkUp() {
    return this.#link?.state === "connected";
  }

  // Without the bridge nobody here knows how its link is.
  get #shownLink() {
    if (this.#browser.tone !== "go") return { tone: "off", word: "unknown", detail: "" };
    if (!this.#link) return { tone: "off", word: "not told yet", detail: "" };
    const { state, reason, since, silent } = this.#link;
    if (state !== "connected") return { ...LINK[state], detail: reason };
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
    this.#countDown();
    this.#announce(what || `Connected to the bridge. The server ${this.#server} is ${link.word}.`);
  }

  #trouble(link) {
    if (this.#browser.tone !== "go") {
      return `This page is not connected to the bridge${because(this.#browser.detail)}. It connects again by itself.`;
    }
    if (!this.#link || this.#link.state === "connected") return "";
    if (this.#link.state === "connecting") return `The bridge is connecting to ${this.#server}${because(this.#link.reason)}.`;
    return `The link to ${this.#server} is ${link.word}${because(this.#link.reason)}.`;
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
  set(`#${side}-state > strong`, word);
  set(`#${side}-detail`, detail);
}

function because(reason) {
  return reason ? `: ${reason.replace(/[.\s]+$/, "")}` : "";
}

function sinceWords(since) {
  if (!Number.isFinite(since)) return "";
  const then = new Date(since * 1000);
  const today = then.toDateString() === new Date().toDateString();
  const day = today ? "" : `${then.toLocaleDateString("en-GB", { day: "numeric", month: "long" })}, `;
  return `since ${day}${then.toLocaleTimeString("en-GB")}`;
}
