// What the lens says of a prompt. Knows no page.

const CHUNK = 75;

/** "27/75", "81/150 · 2 chunks"; "" where nothing was counted. */
export function countWords(tokens, chunks) {
  if (tokens === null || tokens === undefined) return "";
  const room = (chunks ?? 0) * CHUNK;
  if (tokens > room) return `${tokens} tokens`;
  return `${tokens}/${room}${chunks > 1 ? ` · ${chunks} chunks` : ""}`;
}

/** "12 different prompts", of one none. */
export const pictureWords = (pictures) =>
  pictures > 1 ? `${pictures.toLocaleString("en")} different prompts` : "";

/** All that there is to say of an answer, the worst first. */
export function remarks(seen) {
  const words = [...new Set([...seen.unknown, ...seen.negative_unknown])];
  const unknown = words.length ? [`The checkpoint does not know: ${words.join(", ")}`] : [];
  return [...seen.warnings, ...unknown];
}

/** Those in one line. */
export const inOneLine = (found) =>
  found.length > 1 ? `${found[0]} (${found.length - 1} more)` : (found[0] ?? "");
