// Writing into the page only what is not there already: a change, even to the same words, costs and may be read aloud.

/** `where`: an element, or a selector of one. */
export function set(where, text) {
  const element = typeof where === "string" ? document.querySelector(where) : where;
  if (element.textContent !== text) element.textContent = text;
}
