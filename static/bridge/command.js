// How the bridge is started with one setting more, as a line that can be copied into a terminal.

/** `make run` with this flag. `settings.server` is HOST:PORT, the demo's, which takes no SERVER, or "". */
export function commandWith({ server, demo }, flag) {
  const where = demo ? "" : ` SERVER=${server || "HOST:PORT"}`;
  return `make run${where} ARGS="${escaped(flag)}"`;
}

// First for make, which takes a dollar for a variable, then for a shell's double quotes, in which `!` asks bash for a
// line that was typed before.
function escaped(flag) {
  return flag.replaceAll("$", "$$$$").replace(/\\(?=[\\$`"]|$)|[$`"]/g, "\\$&").replaceAll("!", `"'!'"`);
}
