// The lobby's page: logs in with an event of its own and shows what the handlers tell.

const socket = io();
const find = (id) => document.getElementById(id);
const LINES = 200;
let name = ""; // the one that was accepted

function ask(event, argument, then = () => {}) {
  find("problem").textContent = "";
  const args = argument === undefined ? [] : [argument];
  socket.emit(event, ...args, (answer) => {
    if (answer.ok) then();
    else find("problem").textContent = answer.message;
  });
}

function login(wanted) {
  ask("login", wanted, () => {
    name = wanted;
    find("login").hidden = true;
    find("chat").hidden = false;
    showPlayers();
  });
}

find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  login(find("name").value.trim());
});
find("ready").addEventListener("click", () => ask("ready", find("ready").getAttribute("aria-pressed") !== "true"));
find("swap").addEventListener("click", () => ask("swap"));
find("chat").addEventListener("submit", (event) => {
  event.preventDefault();
  if (find("text").value) ask("chat", find("text").value, () => (find("text").value = ""));
});

// --- what comes -----------------------------------------------------------------------------------

let scores = {};
let players = [];
let playing = false;

// After a lost connection the bridge may not know this page any more.
socket.on("connect", () => name && login(name));
socket.on("disconnect", () => tell("wait", "the bridge is away"));
socket.on("bridge:link", (link) => {
  if (link.state === "connected") tell("go", "the game is there");
  else tell("stop", link.reason || "the game's server is away");
});
socket.on("bridge:user", ({ user }) => (find("ready").dataset.user = user));

socket.on("lobby", (lobby) => {
  ({ players, playing } = lobby);
  if (!playing) find("card").textContent = "none";
  showPlayers();
});
socket.on("state", (state) => {
  scores = state.scores;
  playing = true;
  find("over").textContent = "";
  find("round").textContent = state.round;
  find("left").textContent = state.left;
  showPlayers();
});
socket.on("hand", ({ card }) => (find("card").textContent = card));
socket.on("over", ({ winner }) => (find("over").textContent = winner === null ? "Nobody has won" : `${winner} has won`));
socket.on("history", (lines) => {
  find("lines").replaceChildren();
  lines.forEach(say);
});
socket.on("chat", say);
socket.on("message", (other) => console.log("the server says", other));

function showPlayers() {
  find("game").hidden = !playing;
  find("ready").hidden = playing || !name;
  find("nobody").hidden = players.length > 0;
  find("players").replaceChildren(...players.map((player) => {
    const points = player.name in scores ? `${scores[player.name]} points, ` : "";
    const line = element("li", element("span", player.name));
    const state = element("span", points + (player.ready ? "ready" : "waiting"));
    state.className = player.ready ? "ready" : "waiting";
    line.append(state);
    return line;
  }));
  const me = players.find((player) => player.name === find("ready").dataset.user);
  find("ready").setAttribute("aria-pressed", String(me?.ready ?? false));
}

function say(line) {
  const [log, lines] = [find("log"), find("lines")];
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  lines.append(element("li", element("strong", line.from), ` ${line.text}`));
  while (lines.childElementCount > LINES) lines.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function element(kind, ...content) {
  const made = document.createElement(kind);
  made.append(...content);
  return made;
}

function tell(tone, words) {
  find("link").dataset.tone = tone;
  find("link").textContent = words;
}
