// Painting the world on the canvas, sharp at any pixel density, in the page's own colours.

const RADIUS = { user: 18, bot: 18, coin: 9 };
const SMALLEST = { user: 7, bot: 7, coin: 4 };
const LARGEST = { user: 36, bot: 36, coin: 18 };
/** Crosses are this many units apart, or more: never closer than so many pixels. */
const GRID = 60, GRID_PX = 24;
/** With more bodies than that there are no trails, and only the reader's own has its name. */
const CROWD = 300;

export class Painter {
  #canvas;
  #context;
  #colours = {};
  #trails;

  constructor(canvas, { trails }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#trails = trails;
    this.#readColours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    new ResizeObserver(() => (this.#outdated = true)).observe(canvas.parentElement);
  }

  /** The page's colours or size have changed: paint, even if the world has not. */
  get outdated() {
    return this.#outdated;
  }

  #outdated = true;

  // A canvas can't use the style sheet's variables by itself.
  #readColours() {
    this.#outdated = true;
    const style = getComputedStyle(this.#canvas);
    for (const name of ["ink", "soft", "field", "grid", "accent"]) {
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }

  /** Units of the field to pixels of the page. */
  get scale() {
    return this.#scale;
  }

  #scale = 1;

  paint({ width, height }, bodies, me) {
    this.#outdated = false;
    this.#fit(width, height);
    const context = this.#context;
    context.fillStyle = this.#colours.field;
    context.fillRect(0, 0, width * this.#scale, height * this.#scale);
    this.#grid(width, height);
    const crowded = bodies.length > CROWD;
    if (this.#trails && !crowded) for (const body of bodies) this.#trail(body);
    for (const body of bodies) this.#body(body, body.kind === "user" && body.name === me, crowded);
  }

  #fit(width, height) {
    const ratio = devicePixelRatio || 1;
    // As wide as there is room, but never so high that the whole of it can't be seen at once.
    const shown = Math.floor(Math.min(this.#canvas.parentElement.clientWidth, (innerHeight * 0.85 * width) / height));
    const wide = Math.round(shown * ratio);
    const high = Math.round((wide * height) / width);
    // Setting a canvas's size clears it and costs; so only when it has changed.
    if (this.#canvas.width !== wide || this.#canvas.height !== high) {
      this.#canvas.width = wide;
      this.#canvas.height = high;
      this.#canvas.style.width = `${shown}px`;
    }
    this.#scale = shown / width;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  #grid(width, height) {
    const context = this.#context;
    context.strokeStyle = this.#colours.grid;
    context.lineWidth = 1;
    context.beginPath();
    // Little crosses, as on a surveyor's sheet: enough to see speed by, not a cage.
    const step = GRID * Math.max(1, Math.ceil(GRID_PX / (GRID * this.#scale)));
    for (let x = step; x < width; x += step) {
      for (let y = step; y < height; y += step) this.#cross(x * this.#scale, y * this.#scale);
    }
    context.stroke();
  }

  #cross(x, y) {
    this.#context.moveTo(x - 3, y);
    this.#context.lineTo(x + 3, y);
    this.#context.moveTo(x, y - 3);
    this.#context.lineTo(x, y + 3);
  }

  #trail(body) {
    const context = this.#context;
    this.#ink(body.colour);
    body.trail.forEach((spot, i) => {
      context.globalAlpha = (0.22 * (i + 1)) / body.trail.length;
      this.#circle(spot.x, spot.y, this.#radius(body) * (0.3 + (0.6 * i) / body.trail.length));
      context.fill();
    });
    context.globalAlpha = 1;
  }

  #body(body, mine, crowded) {
    const context = this.#context;
    const radius = this.#radius(body);
    this.#ink(body.colour);
    if (body.kind === "coin") {
      this.#coin(body, radius);
      return;
    }
    this.#circle(body.x, body.y, radius);
    if (body.kind === "bot") this.#outline(body, radius);
    else context.fill();
    if (mine) this.#ring(body, radius);
    if (mine || !crowded) this.#label(body, radius, mine);
  }

  // A canvas ignores what is no colour and keeps the last one, which would be another body's.
  #ink(colour) {
    const context = this.#context;
    context.fillStyle = context.strokeStyle = this.#colours.soft;
    context.fillStyle = context.strokeStyle = colour ?? this.#colours.soft;
  }

  #coin(body, radius) {
    const context = this.#context;
    const [x, y] = [body.x * this.#scale, body.y * this.#scale];
    context.beginPath();
    context.moveTo(x, y - radius);
    context.lineTo(x + radius, y);
    context.lineTo(x, y + radius);
    context.lineTo(x - radius, y);
    context.closePath();
    context.fill();
  }

  #outline(body, radius) {
    this.#context.lineWidth = Math.max(2, radius / 5);
    this.#context.fillStyle = this.#colours.field;
    this.#context.fill();
    this.#context.stroke();
  }

  #ring(body, radius) {
    this.#context.strokeStyle = this.#colours.ink;
    this.#context.lineWidth = 2;
    this.#circle(body.x, body.y, radius + 4);
    this.#context.stroke();
  }

  #label(body, radius, mine) {
    const context = this.#context;
    const text = `${mine ? "you" : short(body.name)} ${body.score || ""}`.trim();
    context.font = `${mine ? "700" : "500"} 12px system-ui, sans-serif`;
    context.textAlign = "center";
    context.fillStyle = mine ? this.#colours.ink : this.#colours.soft;
    const below = body.y * this.#scale + radius + 17;
    const room = below < this.#canvas.clientHeight - 4;
    const half = context.measureText(text).width / 2 + 4;
    const x = Math.max(half, Math.min(this.#canvas.clientWidth - half, body.x * this.#scale));
    context.fillText(text, x, room ? below : below - 2 * radius - 28);
  }

  #circle(x, y, radius) {
    this.#context.beginPath();
    this.#context.arc(x * this.#scale, y * this.#scale, radius, 0, 2 * Math.PI);
  }

  #radius({ kind }) {
    const known = Object.hasOwn(RADIUS, kind) ? kind : "user";
    return Math.min(LARGEST[known], Math.max(SMALLEST[known], RADIUS[known] * this.#scale));
  }
}

// A Socket.IO id is 20 characters of noise; its beginning tells two of them apart.
function short(name) {
  const text = String(name);
  return text.length > 14 ? `${text.slice(0, 5)}…` : text;
}
