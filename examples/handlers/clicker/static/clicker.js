// The clicker's page: registers the name that the form gave, clicks, buys, shows what the server says.

const socket = io();
const name = document.body.dataset.name;
const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();

// At each connection: after the bridge was restarted nobody there knows this page.
socket.on("connect", () => {
  socket.emit("register", name, (answer) => {
    if (answer.ok) socket.emit("look");
    else find("problem").textContent = answer.message;
  });
});
socket.on("disconnect", () => tell("wait", "the bridge is away"));
socket.on("bridge:link", (link) => {
  if (link.state === "connected") tell("go", "the server is there");
  else tell("stop", link.reason || "the server is away");
});

let clicks = 0;

socket.on("gameState", (state) => {
  find("amount").textContent = number.format(state.gold);
  rates(state);
  for (const [id, piece] of Object.entries(state.equipment)) offer(id, piece, state.gold);
});
socket.on("clicks", (count) => (clicks = count));
socket.on("refused", (answer) => (find("problem").textContent = answer.reason));
socket.on("players", ({ online, players }) => {
  find("online").textContent = number.format(online);
  find("players").replaceChildren(...players.map((player) => line(`${player.name}: ${number.format(player.gold)}`)));
});

find("gold").addEventListener("click", () => ask("click"));

function ask(event, ...args) {
  find("problem").textContent = "";
  socket.emit(event, ...args, (answer) => {
    if (!answer.ok) find("problem").textContent = answer.message;
  });
}

function rates(state) {
  const each = `${number.format(state.goldPerClick)} a click, ${number.format(state.goldPerSecond)} a second`;
  find("rates").textContent = clicks ? `${each}; ${number.format(clicks)} clicks in this tab` : each;
}

const offers = new Map();

/** One line for each piece, kept, so that the focus stays where it is. */
function offer(id, piece, gold) {
  if (!offers.has(id)) {
    const made = line(document.createElement("span"));
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => ask("buy", id));
    made.append(button);
    find("equipment").append(made);
    offers.set(id, made);
  }
  const made = offers.get(id);
  made.firstChild.textContent = `${piece.name}, you have ${number.format(piece.count)}`;
  made.lastChild.textContent = `Buy for ${number.format(piece.price)}`;
  made.lastChild.setAttribute("aria-disabled", String(gold < piece.price));
}

function line(...content) {
  const made = document.createElement("li");
  made.append(...content);
  return made;
}

function tell(tone, words) {
  find("link").dataset.tone = tone;
  find("link").textContent = words;
}
