// Many stock clients that count: node count.js URL CLIENTS LAST
// Each "message" is {"n": number}. Prints {"connected": true} once all are there, and when every
// client has had number LAST, or has been silent for 10 s, how many were lost, doubled or out of order.
const { io } = require("socket.io-client");
const [url, clients, last] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const result = { received: 0, lost: 0, disordered: 0, disconnects: 0, finished: 0 };
let up = 0;
let silence;

function end() {
  console.log(JSON.stringify(result));
  process.exit(0);
}

for (let i = 0; i < clients; i++) {
  const socket = io(url, { transports: ["websocket"], forceNew: true });
  let expected = 0;
  socket.on("bridge:user", () => {
    if (++up === clients) console.log(JSON.stringify({ connected: true }));
  });
  socket.on("disconnect", () => result.disconnects++);
  socket.on("message", (text) => {
    const { n } = JSON.parse(text);
    result.received++;
    if (n < expected) result.disordered++;
    if (n > expected) result.lost += n - expected;
    expected = Math.max(expected, n + 1);
    if (n === last && ++result.finished === clients) end();
    if (result.received % 1000 === 0) {
      clearTimeout(silence);
      silence = setTimeout(end, 10000);
    }
  });
}
