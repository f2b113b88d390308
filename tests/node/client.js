// The stock Socket.IO client on a line of JSON: what it gets is printed, what it is told it does.
// node client.js URL [options as JSON]
// stdin: {"emit": [name, …args], "ack": id} | {"close": true} | {"open": true} | {"cut": true}, which is a network that is lost
// An offset, which an event of the server's ends with if the client recovers, is printed apart.
const readline = require("node:readline");
const version2 = process.env.SOCKET_IO_CLIENT === "2";
const module_ = require(version2 ? "socket.io-client-2" : "socket.io-client");
const io = module_.io || module_;

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const plain = (value) => (Buffer.isBuffer(value) ? { binary: value.toString("base64") } : value);

const socket = io(process.argv[2], JSON.parse(process.argv[3] || "{}"));
socket.on("connect", () => say({ connect: socket.id, recovered: socket.recovered }));
socket.io.on("open", () => socket.io.engine.on("upgrade", () => say({ upgrade: true })));
socket.on("disconnect", (reason) => say({ disconnect: reason }));
socket.on("connect_error", (error) => say({ connect_error: String(error.message) }));
const print = (event, args) => {
  const offset = socket._pid && !event.startsWith("bridge:") ? args.pop() : undefined;
  say({ event, args: args.map(plain), offset });
};
if (socket.onAny) socket.onAny((event, ...args) => print(event, args));

function cut(engine) {
  if (engine.transport.ws) return engine.transport.ws.terminate();
  (engine._onClose || engine.onClose).call(engine, "transport close");
}
// With ackTimeout the first argument is an error or null.
const answered = (got) => (got[0] instanceof Error ? { timeout: got[0].message } : got[got.length - 1]);
const revive = (value) => (value && value.$binary ? Buffer.from(value.$binary, "base64") : value);

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.close) return socket.disconnect();
  if (command.open) return socket.connect();
  if (command.cut) return cut(socket.io.engine);
  const args = command.emit.map(revive);
  if (command.ack === undefined) socket.emit(...args);
  else socket.emit(...args, (...got) => say({ ack: command.ack, answer: answered(got) }));
}).on("close", () => process.exit(0));
