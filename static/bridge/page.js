// The page, wired together: one stock Socket.IO client, and a part for each thing that is shown.

import { Painter } from "./draw.js";
import { EmitForm, wireValue } from "./emitform.js";
import { MessageList, bytes } from "./list.js";
import { PacketSizes } from "./sizes.js";
import { Problems } from "./problems.js";
import { Status } from "./status.js";
import { Steering } from "./steer.js";
import { Stream } from "./stream.js";
import { set } from "./text.js";
import { Who } from "./who.js";
import { World } from "./world.js";

const settings = JSON.parse(document.querySelector("#settings").textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const canvas = document.querySelector("#world");
const field = document.querySelector("#field");
const STALE_MS = 1500;
const FIGURES_MS = 250;

const socket = globalThis.io();
const stream = new Stream();
const list = new MessageList(stream);
const status = new Status(settings);
const sizes = new PacketSizes(socket, settings.payload);
const problems = new Problems((event, words) => noted("trouble", event, [words]));
const world = new World({ glides: !still });
const painter = new Painter(canvas, { trails: !still });
const who = new Who(settings.identity, emitWithAck);
const form = new EmitForm(emitWithAck, (event, args) => wireValue(settings, who.user, event, args), settings);
const steering = new Steering(canvas, (direction) => status.linkUp && socket.emit("move", direction), steeredFrom);

for (const part of [sizes, list, status, who, form, steering]) part.run();
if (settings.local) problems.run(); // the status is told on the bridge's own machine alone
listen();
requestAnimationFrame(frame);

// For the console, and for whoever tests the page.
globalThis.bridgePage = {
  socket,
  settings,
  get counts() {
    return stream.counts;
  },
  get user() {
    return who.user;
  },
  get bodies() {
    return world.bodies.map(({ name, kind, x, y, score }) => ({ name, kind, x, y, score }));
  },
};

function listen() {
  socket.on("connect", connected);
  socket.on("disconnect", disconnected);
  socket.on("connect_error", (error) => status.failed(whyNot(error), socket.active));
  socket.on("bridge:link", linkChanged);
  socket.on("bridge:user", ({ user }) => nowUser(user));
  socket.on("bridge:closing", ({ code }) => status.closing(code));
  socket.onAny((event, ...args) => received(event, args));
  socket.onAnyOutgoing((event, ...args) => noted("out", event, args));
}

function connected() {
  const transport = () => status.connected(socket.io.engine.transport.name);
  transport();
  socket.io.engine.on("upgrade", transport);
  who.connected();
}

/** What the client library says when nobody answers; by polling and by WebSocket. */
const UNANSWERED = ["xhr poll error", "websocket error", "timeout"];

function whyNot({ message, data }) {
  if (UNANSWERED.includes(message)) return "the bridge does not answer";
  return data?.error ? `${message} (${data.error})` : message;
}

// The client connects again by itself, except where the server ended the Socket.IO connection for good.
function disconnected(reason) {
  status.disconnected(reason, socket.active);
  form.linkChanged(false);
}

function linkChanged(link) {
  const was = status.linkUp;
  status.link(link);
  form.linkChanged(status.linkUp);
  if (status.linkUp && !was) steering.again();
}

function nowUser(user) {
  who.is(user);
  form.preview();
}

// Where clients recover, each message of the server's ends with its offset, which is for the client alone.
const withoutOffset = (event, args) => (socket._pid && !event.startsWith("bridge:") ? args.slice(0, -1) : args);

function received(event, args) {
  const entry = noted("in", event, withoutOffset(event, args), sizes.next(event, args));
  if (entry.world) world.offer(entry.value, performance.now());
}

function noted(way, event, args, size) {
  list.changed();
  return stream.add(way, event, args, size);
}

/** Emit when there is a connection, and only then: an event that waits for one would be acted on much later. */
function emitWithAck(event, ms, ...rest) {
  if (!socket.connected) return false;
  const answer = rest.pop();
  socket.timeout(ms).emit(event, ...rest, (error, ...values) => {
    if (!error) noted("ack", event, values);
    if (!error && event === "register") form.preview();
    answer(error, values[0]);
  });
  return true;
}

function steeredFrom() {
  const body = world.body(who.user);
  if (body) return { x: body.x * painter.scale, y: body.y * painter.scale };
  return { x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 };
}

let figuresAt = 0;

function frame(now) {
  requestAnimationFrame(frame);
  if (world.advance(now) || (world.size && painter.outdated)) painter.paint(world.size, world.bodies, who.user);
  steering.frame(now);
  list.frame(now);
  if (now - figuresAt < FIGURES_MS) return;
  figuresAt = now;
  figures(now);
}

function figures(now) {
  const { in: came, out, bytes: size } = stream.rates(now);
  set("#rate-in", `${whole(came)} in/s`);
  set("#rate-bytes", `${bytes(size)}/s`);
  set("#rate-out", `${whole(out)} out/s`);
  document.querySelector("#span").dataset.in = String(Math.min(2, Math.ceil(Math.log10(1 + came))));
  document.querySelector("#span").dataset.out = String(out > 0 ? 1 : 0);
  worldFigures(now);
}

function worldFigures(now) {
  const age = world.age(now);
  field.dataset.state = age === null ? "empty" : age > STALE_MS ? "stale" : "live";
  document.querySelector("#world-empty").hidden = age !== null;
  set("#world-stale", age > STALE_MS ? `Standing still for ${Math.floor(age / 1000)} s` : "");
  set("#world-figures", age === null ? "" : scoreWords());
}

function scoreWords() {
  const users = world.bodies.filter((body) => body.kind === "user").length;
  const mine = world.body(who.user);
  return `${users} ${users === 1 ? "user" : "users"}${mine ? `, your score ${mine.score ?? 0}` : ""}`;
}

function whole(value) {
  return Math.round(value).toLocaleString("en");
}
