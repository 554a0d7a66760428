// What is being typed at the caret of a prompt, to be completed. Knows no page.

const NETWORK = /<(?:lora|lyco):([^<>\n:]*)$/;
const WILDCARD = /^[^\n{}()|#,:;<>$"\\]*$/;
/** What no tag goes across. */
const CHUNK = /[^,\n|{}()[\]<>:;"\\]*$/;
const LONGEST = 60;
const FEW_LETTERS = 3;

/**
 * {kinds, text, from}: which kinds of words may be meant by `text`, which begins at `from` and ends
 * at the caret; null where nothing is to be offered. Within a sentence from three letters on; two
 * are enough at the beginning of a chunk.
 */
export function typedAt(text, caret) {
  const before = text.slice(Math.max(0, caret - 300), caret);
  const network = NETWORK.exec(before);
  if (network) return found(["lora"], network[1], caret, network[0].length);
  const marks = before.split("__");
  const name = marks.length % 2 === 0 ? WILDCARD.exec(marks.at(-1)) : null;
  if (name) return found(["wildcard"], name[0], caret, name[0].length + 2);
  if (before.endsWith("__") || /[\p{L}\p{N}_]/u.test(text[caret] ?? "")) return null;
  const chunk = CHUNK.exec(before)[0].trimStart().slice(-LONGEST);
  const word = /[^\s]*$/.exec(chunk)[0];
  const letters = word.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
  if (letters < (word === chunk ? FEW_LETTERS - 1 : FEW_LETTERS)) return null;
  return found(["embedding", "tag", "style"], chunk, caret, chunk.length);
}

const found = (kinds, text, caret, length) => ({ kinds, text, from: caret - length, to: caret });

/** The edit, as in weights.js, that takes `choice` for what was typed. */
export function taken(text, at, choice) {
  const isName = choice.kind === "lora" || choice.kind === "wildcard";
  const from = isName ? at.from : at.to - choice.typed.length;
  const behind = text.slice(at.to);
  let to = at.to;
  if (choice.kind === "lora") to += /^[^<>\n,]*>/.exec(behind)?.[0].length ?? 0;
  if (choice.kind === "wildcard" && behind.startsWith("__")) to += 2;
  const end = from + choice.insert.length;
  return { from, to, text: choice.insert, start: end, end };
}
