// What came with an event, whatever the payload setting is: text, an object or bytes.

const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** Each level indents every line within it: a thousand levels would be megabytes of white space. */
const DEEPEST = 50;

/** The payload as the text it travelled as, or an equal one. */
export function textOf(value) {
  if (typeof value === "string") return value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return decoder.decode(value);
  return value === undefined ? "" : JSON.stringify(value);
}

/** Several arguments as they would be written in a call. */
export function argumentsText(args) {
  return args.map((value) => (isBytes(value) ? `<${value.byteLength} bytes>` : JSON.stringify(value))).join(", ");
}

/** Its size in bytes, as UTF-8. */
export function sizeOf(value) {
  return isBytes(value) ? value.byteLength : utf8Length(textOf(value));
}

/** The size of arguments in bytes: binary ones as they are, the others as JSON. */
export function argumentsSize(args) {
  return args.reduce((size, value) => size + (isBytes(value) ? value.byteLength : utf8Length(JSON.stringify(value) ?? "")), 0);
}

/** Whether bytes that were no UTF-8 were replaced on the way, so that the size can't be told from the text. */
export function isReplaced(value) {
  return typeof value === "string" && value.includes("\ufffd");
}

/** Does it look like a world? Cheap, as thousands a second are asked; `worldOf` then reads those that get drawn. */
export function maybeWorld(value) {
  if (isBytes(value)) return value.byteLength < 1_000_000 && maybeWorld(decoder.decode(value));
  if (typeof value === "string") return value.startsWith("{") && value.includes('"bodies"');
  return value !== null && typeof value === "object" && Array.isArray(value.bodies);
}

/** The world that the payload is, or null. Bodies without a position are left out, and so is what is no name or number. */
export function worldOf(value) {
  const world = typeof value === "object" && !isBytes(value) ? value : parsed(textOf(value));
  if (!world || !isLength(world.width) || !isLength(world.height) || !Array.isArray(world.bodies)) return null;
  const bodies = world.bodies.filter((body) => body && Number.isFinite(body.x) && Number.isFinite(body.y));
  return { width: world.width, height: world.height, bodies: bodies.map(plain) };
}

function isLength(value) {
  return Number.isFinite(value) && value > 0;
}

function plain({ x, y, name, kind, colour, score }) {
  return { x, y, name: scalar(name), kind: scalar(kind), colour: scalar(colour), score: scalar(score) };
}

function scalar(value) {
  return typeof value === "string" || Number.isFinite(value) ? value : undefined;
}

/** JSON over several lines when it is JSON and no deeper than a reader would look, else the text itself. */
export function pretty(text) {
  const value = text.length < 200_000 && depth(text) <= DEEPEST ? parsed(text) : undefined;
  return value === undefined || value === null || typeof value !== "object" ? text : JSON.stringify(value, null, 2);
}

// Brackets in strings count too: then the text is shown as it came.
function depth(text) {
  let [deepest, now] = [0, 0];
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i];
    if (letter === "[" || letter === "{") deepest = Math.max(deepest, (now += 1));
    else if (letter === "]" || letter === "}") now -= 1;
  }
  return deepest;
}

function isBytes(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Bytes as UTF-8. Counting is several times as fast as encoding for the short texts that most messages are. */
export function utf8Length(text) {
  if (text.length > 4096) return encoder.encode(text).length;
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) length += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return length;
}
