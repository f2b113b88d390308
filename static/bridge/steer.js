// Keys and pointer to a direction; told once for each change, and again when somebody new is listening.

const KEYS = {
  ArrowLeft: [-1, 0], KeyA: [-1, 0], ArrowRight: [1, 0], KeyD: [1, 0],
  ArrowUp: [0, -1], KeyW: [0, -1], ArrowDown: [0, 1], KeyS: [0, 1],
};
/** At most so often, with a pointer that never rests; keys are told at once. */
const PERIOD_MS = 40;
/** Pixels between body and pointer: stand still below the first, full speed from the second on. */
const NEAR = 10, FAR = 70;
const STEPS = 8;

export class Steering {
  #canvas;
  #tell;
  #origin;
  #held = new Set();
  #pointer = null;
  #told = "0 0";
  #toldAt = 0;
  #moved = false;

  /** `tell({dx, dy})`: whether it could be told; `origin()`: where the steered body is on the canvas, in CSS pixels. */
  constructor(canvas, tell, origin) {
    this.#canvas = canvas;
    this.#tell = tell;
    this.#origin = origin;
  }

  run() {
    const on = (target, type, listener) => target.addEventListener(type, listener);
    on(this.#canvas, "keydown", (event) => this.#key(event, true));
    on(this.#canvas, "keyup", (event) => this.#key(event, false));
    on(this.#canvas, "blur", () => this.stop());
    on(window, "blur", () => this.stop());
    on(document, "visibilitychange", () => document.hidden && this.stop());
    on(this.#canvas, "pointerdown", (event) => this.#grab(event));
    on(this.#canvas, "pointermove", (event) => this.#pointer && this.#point(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) on(this.#canvas, type, () => this.#release());
  }

  /** Let everything go. */
  stop() {
    this.#held.clear();
    this.#release();
  }

  /** The server may not know what is held, nor that something was let go while nobody could be told. */
  again() {
    if (!this.#moved) return;
    this.#told = "";
    this.#say();
  }

  /** For each frame: the body moves even when the pointer does not. */
  frame(now) {
    if (this.#pointer && now - this.#toldAt >= PERIOD_MS) this.#say(now);
  }

  #key(event, down) {
    const known = event.code in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!known && down) return;
    if (known) event.preventDefault();
    if (down) this.#held.add(event.code);
    else this.#held.delete(event.code);
    this.#say();
  }

  #grab(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    this.#point(event);
    this.#say();
  }

  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    this.#pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #release() {
    this.#pointer = null;
    this.#say();
  }

  #say(now = performance.now()) {
    const [dx, dy] = this.#pointer ? this.#towardsPointer() : this.#byKeys();
    const words = `${dx} ${dy}`;
    if (words === this.#told) return;
    this.#moved = true;
    this.#toldAt = now;
    this.#told = this.#tell({ dx, dy }) ? words : "";
  }

  #byKeys() {
    const sum = [...this.#held].reduce(([x, y], key) => [x + KEYS[key][0], y + KEYS[key][1]], [0, 0]);
    return sum.map((value) => Math.max(-1, Math.min(1, value)));
  }

  #towardsPointer() {
    const from = this.#origin();
    const [x, y] = [this.#pointer.x - from.x, this.#pointer.y - from.y];
    const distance = Math.hypot(x, y);
    const speed = distance < NEAR ? 0 : Math.min(1, distance / FAR);
    // In steps, so that a trembling finger is no stream of events. "+ 0" makes -0 a plain 0.
    return [x, y].map((value) => Math.round((value / (distance || 1)) * speed * STEPS) / STEPS + 0);
  }
}
