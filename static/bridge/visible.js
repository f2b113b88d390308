// Characters that show nothing, or turn the text around them round, made visible: a reader sees what came.

/** Controls, formats and fillers, line separators, half surrogate pairs; not the line's end and the tab. */
const UNSEEN = "[^\\P{Cc}\\n\\t]|[\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}]";
/** An emoji with what joins and varies it: it shows as one picture. */
const EMOJI = "\\p{Extended_Pictographic}[\\u200d\\ufe0f\\p{Extended_Pictographic}\\p{Emoji_Modifier}]*";
const EITHER = new RegExp(`(${EMOJI})|${UNSEEN}`, "gu");

/** The text with ⟨U+202E⟩ in the place of such a character. */
export function visible(text) {
  return text.replace(EITHER, (found, emoji) => emoji ?? named(found));
}

function named(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
