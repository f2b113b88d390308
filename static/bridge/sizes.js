// How many bytes a payload had on its way: the client library gives values, which could be written in many ways.

import { utf8Length } from "./payload.js";

const EVENT = "2";
const BINARY_EVENT = "5";

/** Remembers the size of each event's packet until the event is given out, in the same order. */
export class PacketSizes {
  #socket;
  #measures;
  #sizes = [];

  /** `payload`: the setting. Only a value of JSON has to be measured here; text and bytes come as they are. */
  constructor(socket, payload) {
    this.#socket = socket;
    this.#measures = payload === "json";
  }

  run() {
    if (!this.#measures) return;
    // Each connection is a new engine. The first is not open yet: nothing has come by it.
    this.#socket.io.on("open", () => this.#opened());
  }

  #opened() {
    this.#sizes = [];
    this.#socket.io.engine.on("packet", ({ type, data }) => {
      if (type === "message" && typeof data === "string") this.#came(data);
    });
  }

  #came(packet) {
    if (packet[0] === EVENT) this.#sizes.push(utf8Length(packet));
    else if (packet[0] === BINARY_EVENT) this.#sizes.push(undefined);
  }

  /** Of the event given out now: the bytes of its first argument, undefined where they aren't known. */
  next(event, [, ...others]) {
    const packet = this.#sizes.shift();
    if (packet === undefined) return undefined;
    // 2["event",FIRST,other,…]
    return Math.max(0, packet - utf8Length(`2${JSON.stringify([event, ...others])}`) - 1);
  }
}
