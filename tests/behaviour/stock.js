// Many stock Socket.IO clients in one process, on lines of JSON.
// stdin: {"id", "open": url, "options"} | {"id", "emit": [name, …args], "ack": n} | {"id", "close": true}
// stdout: {"id", …}; binary is {"$binary": base64} both ways, however deep.
const { createRequire } = require("node:module");
const { io } = createRequire(process.cwd() + "/")("socket.io-client");

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

function map(value, change) {
  const changed = change(value);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) return value.map((one) => map(one, change));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, map(one, change)]));
  }
  return value;
}
const bytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
const shown = (value) => (bytes(value) ? { $binary: Buffer.from(value).toString("base64") } : undefined);
const given = (value) => (value && value.$binary !== undefined ? Buffer.from(value.$binary, "base64") : undefined);

const sockets = {};

function open({ id, open: url, options }) {
  const socket = (sockets[id] = io(url, { forceNew: true, reconnection: false, ...options }));
  const engine = socket.io.engine;
  socket.on("connect", () => say({ id, connect: socket.id }));
  socket.on("disconnect", (reason) => say({ id, disconnect: reason }));
  socket.on("connect_error", (error) => say({ id, refused: { message: error.message, data: error.data } }));
  engine.on("upgrade", (transport) => say({ id, upgrade: transport.name }));
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (ack) ack(...args);
    say({ id, event, args: map(args, shown) });
  });
}

require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  const { id } = command;
  if (command.open) return open(command);
  if (command.close) return sockets[id].disconnect();
  const args = map(command.emit, given);
  if (command.ack === undefined) return sockets[id].emit(...args);
  sockets[id].emit(...args, (...answer) => say({ id, ack: command.ack, answer: map(answer, shown) }));
}).on("close", () => process.exit(0));
