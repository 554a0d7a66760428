// Where words of a prompt stand, as the studio tells it, and how these places move. Knows no page.

/** `marks` of an answer with places as scripts count them: the studio counts an emoji as one. */
export function placed(text, marks) {
  if (!/[\ud800-\udbff]/.test(text)) return marks;
  const places = [];
  let at = 0;
  for (const letter of text) {
    places.push(at);
    at += letter.length;
  }
  places.push(at);
  return marks.map((one) => ({ ...one, start: places[one.start], end: places[one.end] }));
}

/** `marks` of the text `before` as far as they hold in the text `after`, until the studio was asked
 * again: what stands before and behind the change stays. */
export function shifted(before, after, marks) {
  const most = Math.min(before.length, after.length);
  let same = 0;
  while (same < most && before[same] === after[same]) same += 1;
  let tail = 0;
  while (tail < most - same && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const by = after.length - before.length;
  const isWord = (letter) => letter !== undefined && /[^\s,.;:()[\]{}<>|]/.test(letter);
  return marks.flatMap((one) => {
    if (one.end < same || (one.end === same && !isWord(after[same]))) return [one];
    const moved = { ...one, start: one.start + by, end: one.end + by };
    const isBehind = one.start >= before.length - tail;
    const touches = one.start === before.length - tail && isWord(after[moved.start - 1]);
    return isBehind && !touches ? [moved] : [];
  });
}

/** The text in pieces: [words, the mark that they are or null]. */
export function pieces(text, marks) {
  const found = [];
  let at = 0;
  for (const one of marks) {
    if (one.start < at) continue;
    if (one.start > at) found.push([text.slice(at, one.start), null]);
    found.push([text.slice(one.start, one.end), one]);
    at = one.end;
  }
  found.push([text.slice(at), null]);
  return found;
}
