// Troubles that the bridge tells of in its status alone: asked for now and then, and given out once each.

const PERIOD_MS = 5000;

/** Watches `/bridge/status` while the page is seen; `tell(event, words)` is called for each new trouble. */
export class Problems {
  #tell;
  #newest = null; // of each kind the time of the last one that was told, once the status was seen

  constructor(tell) {
    this.#tell = tell;
  }

  run() {
    this.#ask();
  }

  async #ask() {
    if (document.visibilityState === "visible") {
      const status = await statusNow();
      if (status) this.#look(status);
    }
    setTimeout(() => this.#ask(), PERIOD_MS);
  }

  #look(status) {
    const before = this.#newest;
    this.#newest = {};
    for (const [kind, words] of Object.entries(KINDS)) {
      const rows = [status[kind] ?? []].flat(); // the last few of them, or the last one
      // What was before this page came is news no more.
      const fresh = before ? rows.filter(({ t }) => t > before[kind]) : [];
      for (const row of fresh) this.#tell(...words(row));
      this.#newest[kind] = Math.max(before?.[kind] ?? 0, ...rows.map(({ t }) => t));
    }
  }
}

/** Of each list in the status what a row of it says: [event, words]. */
const KINDS = {
  undelivered: ({ to, why, count, users }) => [
    "reached nobody",
    `${to?.length ? `to ${to.join(", ")}: ` : ""}${why}${often(count)}. ${there(users)}`,
  ],
  refused_origins: ({ origin, count }) => [
    "refused a page",
    `of ${origin}${often(count)}. To let it connect: --allowed-origins ${origin}`,
  ],
  hub_blocked: ({ where, seconds }) => ["all others waited", `for ${seconds} s, while this ran: ${where}`],
};

function often(count) {
  return count > 1 ? ` (${count} times so far)` : "";
}

function there(users) {
  return users?.length ? `There are: ${users.join(", ")}` : "Nobody is there";
}

async function statusNow() {
  try {
    const answer = await fetch("/bridge/status");
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
