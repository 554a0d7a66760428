// The settings of a picture as rows of words, out of its infotext, which holds every one of them.

const NEGATIVE = "Negative prompt: ";
const PAIR = /\s*([\w/][\w/ -]*):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)/gy;

/**
 * {prompt, negative, rows: [[label, value]]}; the last line of an infotext holds the settings, what
 * stands before it the words.
 * @param {string} infotext
 */
export function settingsIn(infotext) {
  const lines = infotext.split("\n");
  const rows = rowsIn(lines.at(-1) ?? "");
  if (rows.length) lines.pop();
  const at = lines.findIndex((line) => line.startsWith(NEGATIVE));
  const words = at < 0 ? lines : lines.slice(0, at);
  const negative = at < 0 ? "" : lines.slice(at).join("\n").slice(NEGATIVE.length);
  return { prompt: words.join("\n"), negative, rows };
}

/** The pairs of a line that is nothing but pairs; else none. */
function rowsIn(line) {
  const rows = [];
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < line.length) {
    const pair = PAIR.exec(line);
    if (!pair) return [];
    rows.push([pair[1], unquoted(pair[2].trim())]);
  }
  return rows.length >= 3 ? rows : [];
}

function unquoted(text) {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
