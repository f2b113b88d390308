// A stock client that emits in a tight loop, each with an ack: node tight.js URL EVENTS TRANSPORT
// stdin: {"emit": true}. Prints {"connect": id}, {"disconnect": reason}, {"emitted": true} when the loop is over, and, once
// all are answered, {"done": {"ok": how many, "refused": {code: how many}, "disordered": how many came out of order}}.
const { io } = require("socket.io-client");
const readline = require("node:readline");

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const [url, events, transport] = [process.argv[2], Number(process.argv[3]), process.argv[4] || "websocket"];
const socket = io(url, { transports: [transport], reconnectionDelay: 100 });
socket.on("connect", () => say({ connect: socket.id }));
socket.on("disconnect", (reason) => say({ disconnect: reason }));

const done = { ok: 0, refused: {}, disordered: 0 };
let answered = 0;
let last = -1;

function emit(n) {
  socket.emit("tick", { n }, (answer) => {
    if (answer.ok) done.ok++;
    else done.refused[answer.error] = (done.refused[answer.error] || 0) + 1;
    if (n < last) done.disordered++;
    last = n;
    if (++answered === events) say({ done });
  });
}

readline.createInterface({ input: process.stdin }).on("line", () => {
  for (let n = 0; n < events; n++) emit(n);
  say({ emitted: true });
}).on("close", () => process.exit(0));
