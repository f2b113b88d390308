// The askers' page: a row for each question, which has its answer, or why there will be none.

const socket = io();
const find = (id) => document.getElementById(id);
const MOST = 100;
const waiting = []; // rows, in the order of asking

function row(question) {
  const item = document.createElement("li");
  const [asked, got] = [document.createElement("span"), document.createElement("strong")];
  asked.textContent = question;
  got.textContent = "…";
  item.append(asked, " ", got);
  find("answers").prepend(item);
  while (find("answers").children.length > MOST) find("answers").lastChild.remove();
  return { item, question, got };
}

function settle(entry, text, tone) {
  if (!waiting.includes(entry)) return;
  waiting.splice(waiting.indexOf(entry), 1);
  entry.got.textContent = text;
  entry.item.dataset.tone = tone;
}

find("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const entry = row(find("question").value);
  waiting.push(entry);
  socket.emit("ask", entry.question, (answer) => {
    if (!answer.ok) settle(entry, answer.message, "stop");
  });
  find("question").select();
});

const first = (question) => waiting.find((entry) => entry.question === question);
socket.on("answer", ({ question, answer }) => settle(first(question), answer, "go"));
socket.on("lost", ({ question, reason }) => settle(first(question), reason, "stop"));

function show(text, tone) {
  find("link").textContent = text;
  find("link").dataset.tone = tone;
}

socket.on("bridge:link", ({ state, reason }) => {
  if (state === "connected") show("the server is there", "go");
  else show(reason ?? state, "wait");
});
socket.on("disconnect", () => show("the bridge is not there", "stop"));
