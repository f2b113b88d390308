// Who this page is: told by the bridge, or asked of the reader and registered again after each reconnect.

import { lost } from "./answer.js";
import { set } from "./text.js";

const REMEMBERED = "bridge-user";
const ANSWER_MS = 5000;

export class Who {
  #identity;
  #emit;
  #panel = document.querySelector("#register");
  #field = document.querySelector("#register-name");
  #error = document.querySelector("#register-error");
  #rename = document.querySelector("#rename");
  #cancel = document.querySelector("#register-cancel");
  #user = null;
  #asked = false; // by the reader, and not answered yet

  /** `emit(event, timeoutMs, arg, answer(error, ack))`, which does nothing while there is no connection. */
  constructor(identity, emit) {
    this.#identity = identity;
    this.#emit = emit;
  }

  run() {
    if (this.#identity === "none") set("#user", "a page without a name");
    if (this.#identity !== "register") return;
    document.querySelector("#register-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#asked = this.#register(this.#field.value);
    });
    this.#rename.addEventListener("click", () => this.#ask(true));
    this.#cancel.addEventListener("click", () => this.#close());
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#user !== null) this.#close();
    });
    this.#field.value = remembered();
    this.#ask(false);
  }

  get user() {
    return this.#user;
  }

  /** A `bridge:user` event, or a positive answer, whichever comes first: what is shown is also remembered. */
  is(user) {
    const news = user !== this.#user;
    this.#user = user;
    set("#user", user);
    if (this.#identity !== "register") return;
    remember(user);
    // A reconnect tells the old name again, perhaps while the reader is typing another one.
    if (news || this.#asked) this.#close();
  }

  /** The page is connected, perhaps again: the bridge may not know its name. */
  connected() {
    const name = this.#user ?? remembered();
    if (this.#identity === "register" && name) this.#register(name);
  }

  #ask(focus) {
    this.#panel.hidden = false;
    this.#rename.hidden = true;
    this.#cancel.hidden = this.#user === null;
    if (focus) this.#field.focus();
  }

  #register(name) {
    this.#error.textContent = "";
    const sent = this.#emit("register", ANSWER_MS, name, (error, answer) => this.#answered(name, error, answer));
    if (!sent) this.#error.textContent = "Not connected to the bridge; nothing was sent.";
    return sent;
  }

  #answered(name, error, answer) {
    if (!error && answer?.ok) this.is(answer.user ?? name);
    // What the page asked by itself it asks again when it is connected again.
    else if (!error || !lost(error) || this.#asked) this.#refused(error, answer);
    this.#asked = false;
  }

  #refused(error, answer) {
    if (!error) set(this.#error, answer?.message ?? "The bridge refused this name.");
    else set(this.#error, lost(error) ? "The connection to the bridge was lost." : "The bridge did not answer.");
    if (!error) this.#field.setAttribute("aria-invalid", "true");
    this.#ask(false);
  }

  #close() {
    const focused = this.#panel.contains(document.activeElement);
    this.#field.value = this.#user;
    this.#error.textContent = "";
    this.#field.removeAttribute("aria-invalid");
    this.#panel.hidden = true;
    this.#rename.hidden = false;
    // The form that had the focus is gone; what the reader wants next is the world.
    if (focused) document.querySelector("#world").focus();
  }
}

// Storage may be switched off in the browser; then the name is asked for again after a reload.
function remembered() {
  try {
    return sessionStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return "";
  }
}

function remember(user) {
  try {
    sessionStorage.setItem(REMEMBERED, user);
  } catch {
    // It still holds until the page is left.
  }
}
