// Node with Socket.IO as its manual shows it: one emit a message, one write an event.
"use strict";
const net = require("net");
const { start } = require("./link");

const link = new net.Socket();
const io = start(link, (socket) => {
  socket.on("move", (data, ack) => {
    const line = JSON.stringify({ username: socket.id, action: "move", ...data }) + "~";
    // Acknowledged, as the bridge does, when it was handed to the link's socket.
    link.write(line, ack && (() => ack({ ok: true })));
  });
});

let rest = "";
link.setEncoding("utf8");
link.on("data", (chunk) => {
  const frames = (rest + chunk).split("~");
  rest = frames.pop();
  for (const text of frames) {
    const user = text.startsWith("{") ? JSON.parse(text).username : undefined;
    (user ? io.to(user) : io).emit("message", text);
  }
});
