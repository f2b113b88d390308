// Who this page is: told by the bridge, or asked of the reader and registered again after each reconnect.

const REMEMBERED = "bridge-user";
const ANSWER_MS = 5000;

export class Who {
  #identity;
  #emit;
  #panel = document.querySelector("#register");
  #field = document.querySelector("#register-name");
  #error = document.querySelector("#register-error");
  #rename = document.querySelector("#rename");
  #user = null;

  /** `emit(event, timeoutMs, arg, answer(error, ack))`, which does nothing while there is no connection. */
  constructor(identity, emit) {
    this.#identity = identity;
    this.#emit = emit;
  }

  run() {
    if (this.#identity === "none") document.querySelector("#user").textContent = "a page without a name";
    if (this.#identity !== "register") return;
    document.querySelector("#register-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#register(this.#field.value);
    });
    this.#rename.addEventListener("click", () => this.#ask(true));
    this.#field.value = remembered();
    this.#ask(false);
  }

  get user() {
    return this.#user;
  }

  /** A `bridge:user` event, or a positive answer, whichever comes first: what is shown is also remembered. */
  is(user) {
    this.#user = user;
    document.querySelector("#user").textContent = user;
    if (this.#identity === "register") this.#registered(user);
  }

  /** The page is connected, perhaps again: the bridge does not know its name. */
  connected() {
    if (this.#identity === "register" && remembered()) this.#register(remembered());
  }

  #ask(focus) {
    this.#panel.hidden = false;
    this.#rename.hidden = true;
    if (focus) this.#field.focus();
  }

  #register(name) {
    this.#error.textContent = "";
    const sent = this.#emit("register", ANSWER_MS, name, (error, answer) => this.#answered(name, error, answer));
    if (!sent) this.#error.textContent = "Not connected to the bridge; nothing was sent.";
  }

  #answered(name, error, answer) {
    if (!error && answer?.ok) return this.is(answer.user ?? name);
    this.#error.textContent = error ? "The bridge did not answer." : (answer?.message ?? "The bridge refused this name.");
    this.#field.setAttribute("aria-invalid", "true");
    return this.#ask(false);
  }

  #registered(user) {
    const focused = this.#panel.contains(document.activeElement);
    remember(user);
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
