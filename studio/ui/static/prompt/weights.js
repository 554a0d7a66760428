// Weights in a prompt's text, in the dialect of the request. Knows no page.
//
// An edit is {from, to, text, start, end}: `text` takes the place of what stands between `from` and
// `to`, and what is between `start` and `end` of the new whole is selected then.

const STEP = 0.1;
const NETWORK_STEP = 0.05;
const NUMBER = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*$/;
const TAG = /<(?:lora|lyco|hypernet):(?:\\[\\:<>]|[^<>\n\\]|\\(?![\\:<>]))+>/g;
const WORD = /[^\s,.;:!?()[\]{}<>|"\\]+/g;
/** InvokeAI's: signs or a number behind what they weigh. */
const SUFFIX = /^(?:(\++|-+)|((?:\d+\.?\d*|\.\d+)))/;

const rounded = (value) => Math.round(value * 100) / 100;

/**
 * The edit that makes what is selected, or the word or bracket at the caret, count more (`direction`
 * 1) or less (-1) by a step; null where there is nothing to weigh.
 */
export function weigh(text, start, end, direction, dialect = "a1111") {
  const tag = tagAt(text, start, end);
  if (tag) return weighTag(tag, direction * NETWORK_STEP);
  const found = bracketAt(text, start, end, dialect) ?? wordAt(text, start, end, dialect);
  if (!found) return null;
  return weighed(text, found, rounded(found.weight + direction * STEP), dialect);
}

/** The edit that gives the words between `start` and `end` a weight, in a bracket of their own. */
export function setWeight(text, start, end, weight, dialect = "a1111") {
  const found = exactBracket(text, start, end, dialect) ?? bare(start, end);
  return weighed(text, found, rounded(weight), dialect);
}

/** How much a bracket around just these words says that they count. */
export const weightOf = (text, start, end, dialect = "a1111") =>
  exactBracket(text, start, end, dialect)?.weight ?? 1;

/** The edit that sets the weights of the <lora:…> that stands between `start` and `end`. */
export function setTagWeight(text, start, end, weight) {
  const tag = tagAt(text, start, end);
  return tag && edited(tag, [tag.name, String(rounded(weight))]);
}

/** The edit that takes out what stands between `start` and `end`, with its bracket if that holds
 * nothing else, and one of the commas around it. */
export function takeOut(text, start, end, dialect = "a1111") {
  const bracket = exactBracket(text, start, end, dialect);
  let [from, to] = bracket ? [bracket.from, bracket.to] : [start, end];
  while (text[from - 1] === " ") from -= 1;
  while (text[to] === " ") to += 1;
  const isFirst = from === 0 || text[from - 1] === "\n";
  if (text[to] === "," && (isFirst || text[from - 1] === ",")) {
    to += 1;
    if (isFirst) while (text[to] === " ") to += 1;
  } else if (text[from - 1] === "," && (to === text.length || text[to] === "\n")) from -= 1;
  const between = isFirst || to === text.length || /[\s,]/.test(text[to] ?? "") ? "" : " ";
  const at = from + between.length;
  return { from, to, text: between, start: at, end: at };
}

const bare = (start, end) => ({ from: start, to: end, start, end, weight: 1 });

/** The words of `found`, which begin at its `start`, with another weight. */
function weighed(text, found, weight, dialect) {
  const words = text.slice(found.start, found.end);
  const value = Math.max(0, weight);
  const [before, after] =
    value === 1 ? ["", ""] : dialect === "invokeai" ? ["(", `)${value}`] : ["(", `:${value})`];
  const at = found.from + before.length;
  return {
    from: found.from,
    to: found.to,
    text: before + words + after,
    start: at,
    end: at + words.length,
  };
}

function tagAt(text, start, end) {
  for (const match of text.matchAll(TAG)) {
    const to = match.index + match[0].length;
    if (match.index <= start && end <= to && (start < to || start === end)) {
      const [kind, name, ...weights] = split(match[0].slice(1, -1));
      return { from: match.index, to, name: `${kind}:${name}`, weights };
    }
    if (match.index > end) break;
  }
  return null;
}

/** At the colons that are not escaped. */
const split = (text) =>
  text.match(/(?:\\[\\:<>]|[^:])*(?::|$)/g).map((one) => one.replace(/:$/, ""));

function weighTag(tag, step) {
  const weights = tag.weights.filter(Boolean);
  const moved = (weights.length ? weights : ["1"]).map((one) => {
    const [, key, number] = /^(\s*\w+\s*=)?(.*)$/.exec(one);
    return NUMBER.test(number) && key?.trim() !== "dyn="
      ? `${key ?? ""}${rounded(Number(number) + step)}`
      : one;
  });
  return edited(tag, [tag.name, ...moved]);
}

const edited = (tag, pieces) => {
  const text = `<${pieces.join(":")}>`;
  return { from: tag.from, to: tag.to, text, start: tag.from, end: tag.from + text.length };
};

/** The innermost bracket around the caret, or the one that a selection fills or is. */
function bracketAt(text, start, end, dialect) {
  if (start !== end) {
    const [from, to] = trimmed(text, start, end);
    return exactBracket(text, from, to, dialect) ?? wholeBracket(text, from, to, dialect);
  }
  const around = brackets(text).filter(([open, close]) => open < start && start <= close);
  return around.length ? told(text, around.at(-1), dialect) : null;
}

/** The bracket whose words are just those between `start` and `end`. */
function exactBracket(text, start, end, dialect) {
  for (const pair of brackets(text)) {
    const found = told(text, pair, dialect);
    if (found.start === start && found.end === end) return found;
  }
  return null;
}

function wholeBracket(text, start, end, dialect) {
  for (const pair of brackets(text)) {
    const found = told(text, pair, dialect);
    if (found.from === start && found.to === end) return found;
  }
  return null;
}

/** [where each ( is, where its ) is], the outer ones before the inner. */
function brackets(text) {
  const open = [];
  const pairs = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "(") open.push(at);
    else if (text[at] === ")" && open.length) pairs.push([open.pop(), at]);
  }
  return pairs.sort((a, b) => a[0] - b[0]);
}

/** What a bracket weighs: {from, to} with it, {start, end} its words, and its weight. */
function told(text, [open, close], dialect) {
  const start = open + 1;
  if (dialect === "invokeai") {
    const [all = "", signs, number] = SUFFIX.exec(text.slice(close + 1)) ?? [];
    const weight = signs ? bySigns(signs) : number ? Number(number) : 1;
    return { from: open, to: close + 1 + all.length, start, end: close, weight };
  }
  const colon = text.lastIndexOf(":", close);
  const number = text.slice(colon + 1, close);
  if (colon > start && NUMBER.test(number)) {
    return { from: open, to: close + 1, start, end: colon, weight: Number(number) };
  }
  return { from: open, to: close + 1, start, end: close, weight: 1.1 };
}

const bySigns = (signs) => rounded((signs[0] === "+" ? 1.1 : 0.9) ** signs.length);

function trimmed(text, start, end) {
  let [from, to] = [start, end];
  while (from < to && /\s/.test(text[from])) from += 1;
  while (to > from && /\s/.test(text[to - 1])) to -= 1;
  return [from, to];
}

/** What is selected, or the word at the caret. */
function wordAt(text, start, end, dialect) {
  if (start !== end) {
    const [from, to] = trimmed(text, start, end);
    const words = text.slice(from, to).replace(/\\./g, "");
    let depth = 0;
    for (const letter of words) {
      depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
      if (depth < 0) return null;
    }
    return depth === 0 && from < to ? bare(from, to) : null;
  }
  for (const match of text.matchAll(WORD)) {
    const to = match.index + match[0].length;
    if (match.index > start) return null;
    if (to < start) continue;
    const signs = dialect === "invokeai" ? /[^+-](\++|-+)$/.exec(match[0])?.[1] : undefined;
    if (!signs) return bare(match.index, to);
    const found = bare(match.index, to - signs.length);
    return { ...found, to, weight: bySigns(signs) };
  }
  return null;
}
