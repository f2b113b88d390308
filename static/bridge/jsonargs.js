// The arguments field: JSON values with commas between, read strictly, with errors that point at their place.
//
// Browsers word JSON.parse's errors differently, and some name no position; so the place is found here, and the
// values themselves still come from JSON.parse.

/** A fault in the text. `at`: its index. */
export class ArgumentsError extends Error {
  constructor(at, message) {
    super(message);
    this.at = at;
  }
}

/** The values in `text`, none for white space only. Throws ArgumentsError. */
export function parseArguments(text) {
  const reader = new Reader(text);
  reader.space();
  if (reader.end) return [];
  reader.list(null);
  return JSON.parse(`[${text}]`);
}

/** Line and column (from 1) of an index, and the line's text with a mark under the place. */
export function pointAt(text, at) {
  const before = text.slice(0, at).split("\n");
  const line = text.split("\n")[before.length - 1];
  const column = before.at(-1).length + 1;
  // Only the place's surroundings: a long line would push the mark out of sight.
  const from = Math.max(0, column - 30);
  const shown = line.slice(from, from + 50);
  return { line: before.length, column, excerpt: `${shown}\n${" ".repeat(column - 1 - from)}^` };
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_$][\w$]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const DEEPEST = 400;

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.depth = 0;
  }

  get end() {
    return this.at >= this.text.length;
  }

  get next() {
    return this.text[this.at];
  }

  fail(message, at = this.at) {
    throw new ArgumentsError(at, message);
  }

  found() {
    return this.end ? "the text ends" : `there is ${JSON.stringify(String.fromCodePoint(this.text.codePointAt(this.at)))}`;
  }

  space() {
    while (!this.end && " \t\n\r".includes(this.next)) this.at += 1;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found?.[0];
  }

  // Values with commas between, up to `close`, or to the end of the text for the arguments themselves.
  list(close) {
    for (;;) {
      this.value();
      this.space();
      if (close === null ? this.end : this.next === close) return;
      if (this.next !== ",") this.fail(`A comma or ${close ?? "the end"} is expected here, but ${this.found()}.`);
      this.comma();
    }
  }

  comma() {
    const at = this.at;
    this.at += 1;
    this.space();
    if (this.end || this.next === "]" || this.next === "}") this.fail("Nothing follows this comma; JSON allows no last comma.", at);
  }

  value() {
    this.space();
    const start = this.next;
    if (start === '"') this.string();
    else if (start === "{") this.nested("}", () => this.members());
    else if (start === "[") this.nested("]", () => this.list("]"));
    else if (start === "'") this.fail('Strings need double quotes: "…".');
    else if (start !== undefined && /[-\d]/.test(start)) this.number();
    else this.word();
  }

  nested(close, content) {
    const open = this.at;
    if (++this.depth > DEEPEST) this.fail("This is nested too deeply.");
    this.at += 1;
    this.space();
    if (this.end) this.fail(`This is never closed: ${close} is missing.`, open);
    if (this.next !== close) content();
    this.at += 1;
    this.depth -= 1;
  }

  members() {
    for (;;) {
      this.key();
      this.value();
      this.space();
      if (this.next === "}") return;
      if (this.next !== ",") this.fail(`A comma or } is expected here, but ${this.found()}.`);
      this.comma();
    }
  }

  key() {
    if (this.next !== '"') this.fail(`A key in double quotes is expected here, but ${this.found()}.`);
    this.string();
    this.space();
    if (this.next !== ":") this.fail(`A colon is expected after the key, but ${this.found()}.`);
    this.at += 1;
  }

  string() {
    const open = this.at;
    this.at += 1;
    while (this.next !== '"') {
      if (this.end) this.fail('This string is never closed: " is missing.', open);
      if (this.next < " ") this.fail("A string can't go over the line's end; write \\n for a new line.");
      if (this.next !== "\\") this.at += 1;
      else if (!this.match(ESCAPE)) this.fail('After \\ comes one of " \\ / b f n r t or u with four digits.');
    }
    this.at += 1;
  }

  number() {
    const start = this.at;
    if (!this.match(NUMBER)) this.fail("This is no number.");
    if (!this.end && /[\w.+-]/.test(this.next)) this.fail("This is no JSON number.", start);
  }

  word() {
    const start = this.at;
    const word = this.match(WORD);
    if (["true", "false", "null"].includes(word)) return;
    if (word) this.fail(`${word} is no JSON value; a string needs double quotes: "${word}".`, start);
    this.fail(`A value is expected here, but ${this.found()}.`);
  }
}
