// The live world between two messages: positions glide from what is shown to what was last said.

import { worldOf } from "./payload.js";

/** A body that is further off than this share of the field's width has not moved there: it is set there. */
const JUMP = 0.15;
const TRAIL = 14;

export class World {
  #latest = null;
  #received = 0;
  #interval = 33;
  #arrived = 0;
  #target = null;
  #shown = new Map();
  #glides;

  constructor({ glides }) {
    this.#glides = glides;
  }

  /** A payload that may be a world. Read when it gets drawn: of thousands a second only the last one of each frame. */
  offer(value, now) {
    const gap = Math.min(250, Math.max(8, now - this.#received));
    this.#interval += (gap - this.#interval) * 0.1;
    this.#received = now;
    this.#latest = value;
  }

  /** Take in what came since the last frame and move everything; false when there is nothing new to draw. */
  advance(now) {
    const fresh = this.#take();
    if (!this.#target) return false;
    const part = this.#glides ? Math.min(1, (now - this.#arrived) / (this.#interval * 1.15)) : 1;
    const moving = fresh || this.#moving;
    this.#moving = part < 1;
    if (moving) for (const body of this.#shown.values()) glide(body, part);
    return moving;
  }

  #moving = false;

  #take() {
    if (this.#latest === null) return false;
    const world = worldOf(this.#latest);
    this.#latest = null;
    if (!world) return false;
    this.#arrived = this.#received;
    this.#target = world;
    this.#aim(world);
    return true;
  }

  #aim({ bodies, width }) {
    const seen = new Set();
    const repeats = new Map();
    for (const body of bodies) {
      const key = numbered(`${body.kind} ${body.name}`, repeats);
      seen.add(key);
      this.#shown.set(key, aimed(this.#shown.get(key), body, width * JUMP));
    }
    for (const key of this.#shown.keys()) if (!seen.has(key)) this.#shown.delete(key);
  }

  get size() {
    return this.#target && { width: this.#target.width, height: this.#target.height };
  }

  /** What is drawn now, in the order of the message: {name, kind, colour, score, x, y, trail}. */
  get bodies() {
    return [...this.#shown.values()];
  }

  body(name) {
    return this.#shown.get(`user ${name}`);
  }

  /** Milliseconds since the last world, or null before the first. */
  age(now) {
    return this.#target ? now - this.#arrived : null;
  }
}

// Bodies of one name, or of none, are told apart by their order.
function numbered(key, repeats) {
  const number = (repeats.get(key) ?? 0) + 1;
  repeats.set(key, number);
  return number === 1 ? key : `${key}\n${number}`;
}

function aimed(shown, said, jump) {
  const jumps = !shown || Math.hypot(said.x - shown.x, said.y - shown.y) > jump;
  const body = jumps ? { x: said.x, y: said.y, trail: [] } : shown;
  if (!jumps && said.kind === "user") body.trail = [...body.trail, { x: body.x, y: body.y }].slice(-TRAIL);
  const { name, kind, colour, score } = said;
  return Object.assign(body, { name, kind, colour, score, fromX: body.x, fromY: body.y, toX: said.x, toY: said.y });
}

function glide(body, part) {
  body.x = body.fromX + (body.toX - body.fromX) * part;
  body.y = body.fromY + (body.toY - body.fromY) * part;
}
