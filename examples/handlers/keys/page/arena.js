// The arena's page: says which keys are held, draws the state that the server tells everybody.

const socket = io();
const field = document.querySelector("#field");
const brush = field.getContext("2d");
const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  KeyA: "left", KeyD: "right", KeyW: "up", KeyS: "down",
};
const held = { left: false, right: false, up: false, down: false };
let user = "";

function hold(key, on) {
  if (held[key] === on) return;
  held[key] = on;
  socket.emit("keys", held);
}

function letGo() {
  if (!Object.values(held).includes(true)) return;
  for (const key in held) held[key] = false;
  socket.emit("stop");
}

field.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.code in KEYS) hold(KEYS[event.code], true);
  else if (event.code === "Space") { if (!event.repeat) socket.emit("fire"); }
  else return;
  event.preventDefault();
});
field.addEventListener("keyup", (event) => event.code in KEYS && hold(KEYS[event.code], false));
// A key that is let go somewhere else is never heard of here.
field.addEventListener("blur", letGo);
addEventListener("blur", letGo);

for (const button of document.querySelectorAll("[data-key]")) {
  const set = (on) => {
    hold(button.dataset.key, on);
    button.setAttribute("aria-pressed", String(on));
  };
  button.addEventListener("pointerdown", () => set(true));
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(end, () => set(false));
  button.addEventListener("keydown", (event) => (event.code === "Space" || event.code === "Enter") && set(true));
  button.addEventListener("keyup", () => set(false));
  button.addEventListener("blur", () => set(false));
}
document.querySelector("#fire").addEventListener("click", () => socket.emit("fire"));

// --- what comes -----------------------------------------------------------------------------------

socket.on("connect", () => {
  if (Object.values(held).includes(true)) socket.emit("keys", held);
});
socket.on("disconnect", () => tell("wait", "the bridge is away"));
socket.on("bridge:user", (who) => (user = who.user));
socket.on("bridge:link", (link) => {
  if (link.state === "connected") tell("go", "playing");
  else tell("stop", link.reason || "the server is away");
});
socket.on("message", (text) => {
  const state = JSON.parse(text);
  if (state.action === "state") draw(state);
});

function tell(tone, words) {
  const line = document.querySelector("#link");
  line.dataset.tone = tone;
  line.textContent = words;
}

/** The same colour for the same name, on every page. */
function colour(name) {
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hue} 75% 68%)`;
}

function draw(state) {
  const sharp = devicePixelRatio * (field.clientWidth / state.width);
  if (field.width !== Math.round(state.width * sharp)) {
    field.width = Math.round(state.width * sharp);
    field.height = Math.round(state.height * sharp);
  }
  brush.setTransform(sharp, 0, 0, sharp, 0, 0);
  brush.clearRect(0, 0, state.width, state.height);
  for (const ship of state.ships) drawShip(ship);
  brush.fillStyle = "#ffffff";
  for (const shot of state.shots) brush.fillRect(shot.x - 2, shot.y - 2, 4, 4);
  showHits(state.ships);
}

function drawShip(ship) {
  brush.save();
  brush.translate(ship.x, ship.y);
  if (ship.name === user) {
    brush.strokeStyle = "#ffffff";
    brush.beginPath();
    brush.arc(0, 0, 18, 0, 2 * Math.PI);
    brush.stroke();
  }
  brush.rotate(Math.atan2(ship.aim[1], ship.aim[0]));
  brush.fillStyle = colour(ship.name);
  brush.beginPath();
  brush.moveTo(14, 0);
  brush.lineTo(-10, 9);
  brush.lineTo(-5, 0);
  brush.lineTo(-10, -9);
  brush.fill();
  brush.restore();
}

let shown = "";

function showHits(ships) {
  const now = JSON.stringify([user, ships.map((ship) => [ship.name, ship.hits])]);
  if (now === shown) return; // thirty times a second would be a burden to screen readers
  shown = now;
  const ranked = [...ships].sort((a, b) => b.hits - a.hits);
  document.querySelector("#hits").replaceChildren(...ranked.map((ship) => {
    const line = document.createElement("li");
    const dot = document.createElement("i");
    dot.style.setProperty("--colour", colour(ship.name));
    line.append(dot, `${ship.name === user ? "you" : ship.name.slice(0, 6)}: ${ship.hits}`);
    line.className = ship.name === user ? "you" : "";
    return line;
  }));
}

field.focus();
