// Node with the bridge's idea: what one read brought is encoded once, and goes out in one write a client,
// past Socket.IO, on the raw socket. Events of one turn of the loop go to the link in one write.
"use strict";
const net = require("net");
const { isAscii } = require("buffer");
const { start } = require("./link");

const READ = 262144;
const clients = new Map(); // id -> raw socket

let uplink = [];
let acks = [];
function send(line, ack) {
  if (!uplink.length) setImmediate(flushUplink);
  uplink.push(line);
  if (ack) acks.push(ack);
}
function flushUplink() {
  const waiting = acks;
  // Acknowledged, as the bridge does, when they were handed to the link's socket.
  link.write(uplink.join(""), () => waiting.forEach((ack) => ack({ ok: true })));
  uplink = [];
  acks = [];
}

function connected(socket) {
  clients.set(socket.id, socket.conn.transport.socket._socket);
  socket.on("disconnect", () => clients.delete(socket.id));
  socket.on("move", (data, ack) => {
    send(JSON.stringify({ username: socket.id, action: "move", ...data }) + "~", ack);
  });
}

const BEFORE = '42["message","';
const AFTER = '"]';
const heads = []; // by length, one character a byte
function head(length) {
  heads[length] ??=
    length < 126 ? String.fromCharCode(0x81, length) : String.fromCharCode(0x81, 126, length >> 8, length & 255);
  return heads[length];
}

// `text` is one frame's, already escaped, one character a byte; shorter than 64 KiB.
function frame(text) {
  return head(text.length + BEFORE.length + AFTER.length) + BEFORE + text + AFTER;
}

// Escape the whole burst at once: escaping neither makes nor changes a `~`.
function burst(bytes) {
  const text = bytes.toString("utf8", 0, bytes.length - 1);
  const whole = JSON.stringify(text).slice(1, -1);
  const escaped = (isAscii(bytes) ? whole : Buffer.from(whole, "utf8").toString("latin1")).split("~");
  let broadcast = "";
  const alone = new Map();
  text.split("~").forEach((message, index) => {
    if (message.startsWith("{")) {
      const user = JSON.parse(message).username;
      alone.set(user, (alone.get(user) ?? "") + frame(escaped[index]));
    } else broadcast += frame(escaped[index]);
  });
  if (broadcast) {
    const buffer = Buffer.from(broadcast, "latin1");
    for (const raw of clients.values()) raw.write(buffer);
  }
  for (const [user, frames] of alone) clients.get(user)?.write(Buffer.from(frames, "latin1"));
}

let rest = Buffer.alloc(0);
function read(length, room) {
  const end = room.subarray(0, length).lastIndexOf(0x7e) + 1;
  if (end) burst(Buffer.concat([rest, room.subarray(0, end)]));
  rest = Buffer.concat(end ? [room.subarray(end, length)] : [rest, room.subarray(0, length)]);
  return true;
}

const link = new net.Socket({ onread: { buffer: Buffer.alloc(READ), callback: read } });
start(link, connected);
