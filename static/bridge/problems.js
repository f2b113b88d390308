// What the bridge tells of in its status alone: asked for now and then, and given out once each.

const PERIOD_MS = 5000;

/** Watches `/bridge/status` while the page is seen; `tell(event, words)` is called for each new trouble. */
export class Problems {
  #tell;
  #seen = new Map();

  constructor(tell) {
    this.#tell = tell;
  }

  run() {
    this.#ask();
  }

  async #ask() {
    if (document.visibilityState === "visible") {
      const status = await statusNow();
      if (status === "refused") return; // this page may not see it
      if (status) this.#look(status);
    }
    setTimeout(() => this.#ask(), PERIOD_MS);
  }

  #look(status) {
    const first = this.#seen.size === 0;
    for (const [source, say] of Object.entries(SOURCES)) {
      const rows = status[source] ?? [];
      const newest = this.#seen.get(source) ?? 0;
      this.#seen.set(source, Math.max(newest, ...rows.map(({ t }) => t)));
      // What was before this page came is news no more.
      if (!first) for (const row of rows) if (row.t > newest) this.#tell(...say(row));
    }
  }
}

const SOURCES = {};

async function statusNow() {
  try {
    const answer = await fetch("/bridge/status");
    if (answer.status === 403) return "refused";
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
