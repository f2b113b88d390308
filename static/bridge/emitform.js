// The form that emits any event with any JSON arguments, says what that means on the wire, and shows the ack.

import { lost } from "./answer.js";
import { ArgumentsError, parseArguments, pointAt } from "./jsonargs.js";
import { set } from "./text.js";

/** An event may be held for 10 s, and then wait as long for a reply. */
const ACK_MS = 25_000;
const LOST = "The connection to the bridge was lost before the ack; the event may or may not have arrived.";

export class EmitForm {
  #emit;
  #wire;
  #form = document.querySelector("#emit-form");
  #event = document.querySelector("#emit-event");
  #args = document.querySelector("#emit-args");
  #eventError = document.querySelector("#emit-event-error");
  #argsError = document.querySelector("#emit-args-error");
  #ack = document.querySelector("#ack");
  #value = document.querySelector("#ack-value");
  #number = 0;
  #settings;
  #linkUp = false;
  #waits = false;

  /** `emit(event, timeoutMs, ...args, answer(error, ack))`, false without a connection; `wire(event, args)`: the frame's
      value; `settings`: the page's. */
  constructor(emit, wire, settings) {
    this.#emit = emit;
    this.#wire = wire;
    this.#settings = settings;
  }

  /** What waits for its ack is held by the bridge while the server is away. */
  linkChanged(up) {
    this.#linkUp = up;
    if (this.#waits) this.#sayWaiting();
  }

  run() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#form.addEventListener("input", () => this.preview());
    this.#args.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#form.requestSubmit();
    });
    document.querySelector("#presets").addEventListener("click", (event) => this.#preset(event.target.dataset));
    this.preview();
  }

  /** Say again what would be sent; also when the user's name has changed. */
  preview() {
    const args = this.#read(false);
    const name = this.#event.value.trim() || "…";
    const call = args && `socket.emit(${[name, ...args].map((value) => JSON.stringify(value)).join(", ")})`;
    set("#emit-call", call ?? "…");
    set("#emit-wire", args ? JSON.stringify(this.#wire(name, args)) : "…");
    if (args) this.#fault(this.#args, this.#argsError, []);
    if (this.#event.value.trim()) this.#fault(this.#event, this.#eventError, []);
  }

  #preset({ event, args }) {
    if (!event) return;
    this.#event.value = event;
    this.#args.value = args;
    this.preview();
    this.#args.focus();
  }

  #send() {
    const args = this.#read(true);
    const event = this.#event.value.trim();
    if (!event) this.#fault(this.#event, this.#eventError, [text("p", "An event needs a name.")]);
    if (!args || !event) return (event ? this.#args : this.#event).focus();
    return this.#emitted(event, args);
  }

  #emitted(event, args) {
    const number = (this.#number += 1);
    const began = performance.now();
    const answer = (error, value) => number === this.#number && this.#answered(error, value, performance.now() - began);
    this.#sayWaiting();
    try {
      if (!this.#emit(event, ACK_MS, ...args, answer)) this.#say("stop", "Not connected to the bridge; nothing was sent.");
    } catch (error) {
      // The client library itself refuses its own names, such as connect.
      this.#say("stop", `Not sent: ${error.message}`);
    }
  }

  #answered(error, value, ms) {
    if (error) return this.#say("stop", lost(error) ? LOST : `No ack within ${ACK_MS / 1000} s.`);
    const [tone, words] = verdict(value, this.#settings);
    return this.#say(tone, `${words} (${ms.toFixed(1)} ms)`, JSON.stringify(value, null, 2));
  }

  #sayWaiting() {
    const held = !this.#linkUp && this.#settings.holds;
    this.#say("wait", held ? "Held, the server is away …" : "Waiting for the ack …");
    this.#waits = true;
  }

  #say(tone, words, value = "") {
    this.#waits = false;
    this.#ack.dataset.tone = tone;
    set(this.#ack, words);
    set(this.#value, value);
    this.#value.hidden = !value;
  }

  #read(tell) {
    try {
      return parseArguments(this.#args.value);
    } catch (error) {
      if (!(error instanceof ArgumentsError)) throw error;
      if (tell) this.#point(error);
      return null;
    }
  }

  #point(error) {
    const { line, column, excerpt } = pointAt(this.#args.value, error.at);
    const where = text("p", `${error.message} Line ${line}, column ${column}.`);
    this.#fault(this.#args, this.#argsError, [where, text("pre", excerpt)]);
    this.#args.setSelectionRange(error.at, error.at + 1);
  }

  #fault(field, place, parts) {
    if (parts.length > 0) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    place.replaceChildren(...parts);
  }
}

/** What an ack says, and its tone: green is only what the server itself has answered to. */
function verdict(ack, { confirm, handlers }) {
  if (ack?.ok === false) return ["stop", `Refused: ${ack.message ?? ack.error}`];
  if (ack?.ok !== true) return ["done", "Answered"];
  if (ack.reply !== undefined) return ["go", "Answered by the server"];
  if (ack.user !== undefined) return ["go", "Registered"];
  if (handlers) return ["done", confirm ? "Confirmed by the server, or taken by a handler" : "Handed to the server, or taken by a handler"];
  return confirm ? ["go", "Confirmed by the server"] : ["done", "Handed to the server"];
}

/** The value that an event becomes on the wire, without handlers: what docs/protocol.md says. */
export function wireValue({ identity, userKey, actionKey }, user, event, args) {
  const head = identity === "none" ? { [actionKey]: event } : { [userKey]: user ?? "…", [actionKey]: event };
  if (args.length === 0) return head;
  if (args.length > 1) return { ...head, args };
  if (args[0] === null || typeof args[0] !== "object" || Array.isArray(args[0])) return { ...head, data: args[0] };
  return { ...head, ...without(args[0], Object.keys(head)) };
}

function without(object, keys) {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function text(tag, words) {
  const element = document.createElement(tag);
  set(element, words);
  return element;
}
