// Moving what stands between two commas of a prompt. Knows no page.

/** Between them chunks change places: commas and line ends outside brackets, BREAK and AND. */
const EDGE = /\\.|[()[\]{}<>]|,|\n|\b(?:BREAK|AND)\b/gs;
const DEPTH = { "(": 1, "[": 1, "{": 1, "<": 1, ")": -1, "]": -1, "}": -1, ">": -1 };

/**
 * The edit, as in weights.js, that moves the chunks of the selection past the next one: to the
 * left (`direction` -1) or to the right (1). Null where there is none.
 */
export function moveChunk(text, start, end, direction) {
  const chunks = chunksOf(text);
  const first = chunks.findIndex((one) => start <= one.to);
  let last = chunks.findIndex((one) => end <= one.to);
  if (last > first && end === chunks[last].from && start !== end) last -= 1;
  const other = direction < 0 ? first - 1 : last + 1;
  if (first < 0 || !chunks[other]) return null;
  const moved = inner(text, chunks[first].from, chunks[last].to);
  const passed = inner(text, chunks[other].from, chunks[other].to);
  if (moved.from === moved.to || passed.from === passed.to) return null;
  const [left, right] = direction < 0 ? [passed, moved] : [moved, passed];
  const words = (one) => text.slice(one.from, one.to);
  const swapped = words(right) + text.slice(left.to, right.from) + words(left);
  const length = moved.to - moved.from;
  const at = direction < 0 ? left.from : right.to - length;
  const caret = at + Math.min(Math.max(start - moved.from, 0), length);
  const isSelection = start !== end;
  return {
    from: left.from,
    to: right.to,
    text: swapped,
    start: isSelection ? at : caret,
    end: isSelection ? at + length : caret,
  };
}

/** {from, to} of each, blanks included. Brackets without a partner are letters. */
function chunksOf(text) {
  const marks = [...text.matchAll(EDGE)].filter(([mark]) => mark[0] !== "\\");
  const depths = depthsOf(marks);
  const chunks = [];
  let from = 0;
  marks.forEach((match, place) => {
    const [mark] = match;
    if (mark in DEPTH || depths[place] > 0) return;
    chunks.push({ from, to: match.index });
    from = match.index + mark.length;
  });
  return [...chunks, { from, to: text.length }];
}

function depthsOf(marks) {
  const open = [];
  const pairs = [];
  marks.forEach(([mark], place) => {
    if (DEPTH[mark] === 1) open.push(place);
    else if (DEPTH[mark] === -1 && open.length) pairs.push([open.pop(), place]);
  });
  const steps = new Array(marks.length + 1).fill(0);
  for (const [begin, stop] of pairs) {
    steps[begin] += 1;
    steps[stop] -= 1;
  }
  let depth = 0;
  return steps.map((step) => {
    depth += step;
    return depth;
  });
}

function inner(text, start, end) {
  let [from, to] = [start, end];
  while (from < to && /\s/.test(text[from])) from += 1;
  while (to > from && /\s/.test(text[to - 1])) to -= 1;
  return { from, to };
}
