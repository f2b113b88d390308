// Writing into the page only what is not there already: a change, even to the same words, costs and may be read aloud.

import { visible } from "./visible.js";

/** `where`: an element, or a selector of one. What can't be seen in the text is made visible. */
export function set(where, text) {
  const element = typeof where === "string" ? document.querySelector(where) : where;
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}
