// Many stock clients that keep account of every number: node crowd.js '[{group}, …]'
//
// A group: {url, direct, clients, name, identity, events, transports, options}. Its clients connect to `url`; one more, its
// witness, to `direct`, past whatever is in between. They emit `events` a second together, numbered for each client.
// Messages are {"n": number} for all, and {"username": …, "u": number, "after": n} for one user.
//
// An event that was acked ok is told with when, in µs of the machine's monotonic clock; one that was refused with why.
//
// stdin: {"status": true} | {"events": a second} | {"report": true} | {"close": true}. stdout: {"ready": true} when all have
// connected; {"status": …}; {"member": …} for each and then {"reported": true}; {"closed": true}.
const { io } = require("socket.io-client");
const { performance } = require("node:perf_hooks");
const readline = require("node:readline");

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const PATIENCE = 30000; // ms for an ack
const EARLIER = 250; // ms that the witness may have a message before a client begins to connect that gets it, too
const REMEMBERED = 1 << 16;

// Numbers as [first, last] of what follows without a gap.
function addTo(runs, number) {
  const last = runs[runs.length - 1];
  if (last && number === last[1] + 1) last[1] = number;
  else runs.push([number, number]);
}

class Member {
  constructor(group, index, witness) {
    this.group = group;
    this.witness = witness; // null: it is the witness itself
    this.index = index;
    this.name = `${group.name}-${index}`;
    this.connections = [];
    this.last = -1; // of the numbers for all
    this.faults = [];
    this.reasons = {};
    this.next = this.pending = 0;
    this.acks = { ok: [], unknown: [], refused: [] };
    this.times = new Float64Array(witness ? 0 : REMEMBERED);
    this.numbers = new Int32Array(witness ? 0 : REMEMBERED).fill(-1);
    const kinds = group.transports || [["websocket"]];
    const transports = witness ? kinds[index % kinds.length] : ["websocket"];
    this.attempt = performance.now();
    this.socket = io(witness ? group.url : group.direct, { forceNew: true, ...group.options, transports });
    this.socket.io.on("reconnect_attempt", () => (this.attempt = performance.now()));
    this.socket.on("connect", () => this.connected());
    this.socket.on("disconnect", (reason) => (this.reasons[reason] = (this.reasons[reason] || 0) + 1));
    this.socket.on("bridge:user", ({ user }) => (this.connection().user = user));
    this.socket.on("message", (text) => this.message(JSON.parse(text)));
  }

  fault(text) {
    if (this.faults.length < 20) this.faults.push(`connection ${this.connections.length}: ${text}`);
  }

  // What is kept of the present connection. What was missed may come before the event "connect".
  connection() {
    const { engine } = this.socket.io;
    if (this.engine !== engine) {
      this.engine = engine;
      const { id, recovered } = this.socket;
      const user = this.connections.length && recovered ? this.connections[this.connections.length - 1].user : null;
      this.connections.push({ sid: id, recovered: Boolean(recovered), user, all: [], own: [] });
      if (!recovered) {
        this.fresh = true; // until its first number: it stays so over connections that get none and recover
        this.since = this.attempt;
      }
    }
    return this.connections[this.connections.length - 1];
  }

  connected() {
    const connection = this.connection();
    if (this.group.identity === "register" && !connection.user) {
      this.socket.emit("register", this.name, (answer) => {
        if (!answer.ok) this.fault(`register was answered ${JSON.stringify(answer)}`);
      });
    }
    if (this.connections.length === 1 && --missing === 0) say({ ready: true });
  }

  message({ n, u, after, username }) {
    const connection = this.connection();
    if (n === undefined) {
      const user = this.group.identity === "sid" ? this.socket.id : this.name;
      if (username !== user) this.fault(`${user} got a message for ${username}`);
      if (after >= 0 && !this.fresh && after !== this.last) this.fault(`${u}, sent after ${after}, came after ${this.last}`);
      addTo(connection.own, u);
    } else {
      if (this.fresh && this.witness) this.notOld(n);
      this.fresh = false;
      addTo(connection.all, n);
      this.last = n;
      if (!this.witness) {
        this.times[n % REMEMBERED] = performance.now();
        this.numbers[n % REMEMBERED] = n;
      }
    }
  }

  // Who did not recover begins with what is new since then.
  notOld(number) {
    const { numbers, times, last } = this.witness;
    const known = numbers[number % REMEMBERED] === number;
    if (known ? times[number % REMEMBERED] < this.since - EARLIER : number < last - REMEMBERED / 2)
      this.fault(`not recovered, and yet it got ${number}, from before it connected anew`);
  }

  emit() {
    const number = this.next++;
    this.pending++;
    this.socket.timeout(PATIENCE).emit("tick", { c: this.name, n: number }, (error, answer) => {
      this.pending--;
      if (error) this.acks.unknown.push(number);
      else if (answer.ok) this.acks.ok.push([number, Number(process.hrtime.bigint() / 1000n)]);
      else this.acks.refused.push([number, answer.error, answer.message]);
    });
  }

  report() {
    const { group, name, witness, connections, faults, reasons, acks, next } = this;
    const { connected } = this.socket;
    return { group: group.name, name, witness: !witness, connected, connections, faults, reasons, emitted: next, acks };
  }
}

const groups = JSON.parse(process.argv[2]);
let missing = groups.reduce((sum, { clients }) => sum + clients + 1, 0);
for (const group of groups) {
  group.witness = new Member(group, "witness", null);
  group.members = Array.from({ length: group.clients }, (_, index) => new Member(group, index, group.witness));
  group.turn = group.due = 0;
}
const all = groups.flatMap(({ witness, members }) => [witness, ...members]);

let before = performance.now();
setInterval(() => {
  const now = performance.now();
  for (const group of missing ? [] : groups) {
    group.due += ((now - before) / 1000) * (group.events || 0);
    for (; group.due >= 1; group.due--) group.members[group.turn++ % group.clients].emit();
  }
  before = now;
}, 10);

function status() {
  return groups.map(({ name, members, witness }) => ({
    name,
    connected: members.filter(({ socket }) => socket.connected).length,
    pending: members.reduce((sum, { pending }) => sum + pending, 0),
    behind: members.filter(({ last }) => last !== witness.last).length,
    last: witness.last,
    came_back: members.reduce((sum, { connections }) => sum + connections.length - 1, 0),
    recovered: members.reduce((sum, { connections }) => sum + connections.filter(({ recovered }) => recovered).length, 0),
  }));
}

// A connection closes when all that was emitted, goodbye included, has been written: one that polls needs a request for it.
function close() {
  let open = all.length;
  const closed = () => --open || setTimeout(() => say({ closed: true }), 100); // the last packets go out
  for (const { socket } of all) {
    const { engine } = socket.io;
    if (engine.readyState === "closed") closed();
    else engine.once("close", closed);
    socket.disconnect();
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.status) say({ status: status() });
  if (command.events !== undefined) for (const group of groups) group.events = command.events;
  if (command.report) {
    for (const member of all) say({ member: member.report() });
    say({ reported: true });
  }
  if (command.close) close();
}).on("close", () => process.exit(0));
