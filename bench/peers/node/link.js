// The link and the listening socket, the same for both servers: options, frames, the line that says where it listens.
"use strict";
const http = require("http");
const { Server } = require("socket.io");

function option(name) {
  return process.argv[process.argv.indexOf(`--${name}`) + 1];
}

// Connect to --server, serve on --port. `connected(socket)` is called for each client.
function start(link, connected) {
  const [host, port] = option("server").split(":");
  link.connect({ host, port: Number(port) });
  link.setNoDelay(true);
  link.on("close", () => process.exit(0));
  const server = http.createServer();
  const io = new Server(server, { serveClient: false });
  io.on("connection", connected);
  server.listen(Number(option("port")), "127.0.0.1", 1024, () => {
    console.log(`open http://127.0.0.1:${server.address().port}`);
  });
  return io;
}

module.exports = { start };
