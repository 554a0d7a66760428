// Maps of where words acted, as colours and in words. Knows no page.

const RAMP = [
  [0, 10, 8, 32],
  [0.25, 82, 20, 124],
  [0.5, 184, 56, 118],
  [0.75, 250, 140, 92],
  [1, 255, 250, 196],
]; // from dark to light, so that its order is seen by everybody
const FAINT = 0.06; // of the strongest place: so little is not shown
const COVERS = 0.9;
const BROAD = 0.55; // a map whose mean is so much of its peak is everywhere

/** RGBA of each level, 0 to 255: the weak ones let the picture through. */
export function colours() {
  const found = new Uint8ClampedArray(4 * 256);
  for (let level = 0; level < 256; level++) {
    const share = level / 255;
    const above = RAMP.findIndex(([at]) => at >= share) || 1;
    const [[from, ...low], [to, ...high]] = [RAMP[above - 1], RAMP[above]];
    const between = (share - from) / (to - from);
    const colour = low.map((value, at) => value + between * (high[at] - value));
    const cover = Math.min(1, Math.max(0, (share - FAINT) / 0.35));
    found.set([...colour, 255 * COVERS * cover], 4 * level);
  }
  return found;
}

/** The RGBA pixels of `levels`, by the colours of each level. */
export function painted(levels, of = colours()) {
  const pixels = new Uint8ClampedArray(4 * levels.length);
  for (let at = 0; at < levels.length; at++)
    pixels.set(of.subarray(4 * levels[at], 4 * levels[at] + 4), 4 * at);
  return pixels;
}

/** Where a map of `width` columns is strongest, as "strongest on the left, at the top". */
export function whereabouts(levels, width) {
  const height = levels.length / width;
  let [total, sum, x, y] = [0, 0, 0, 0];
  levels.forEach((level, at) => {
    const weight = level ** 2;
    sum += level;
    total += weight;
    x += weight * ((at % width) + 0.5);
    y += weight * (Math.floor(at / width) + 0.5);
  });
  if (!total) return "nowhere";
  if (sum / levels.length > BROAD * 255) return "all over the picture";
  const third = (share, ...names) => names[Math.min(2, Math.floor(3 * share))];
  const across = third(x / total / width, "on the left", "", "on the right");
  const down = third(y / total / height, "at the top", "", "at the bottom");
  return `strongest ${[across, down].filter(Boolean).join(", ") || "in the middle"}`;
}

/**
 * A prompt cut at its words: [[text, number of the word]], null for what is between them. Their
 * places count characters as the server does, of which some are two for a browser.
 */
export function cut(prompt, words) {
  const letters = Array.from(prompt);
  const text = (start, end) => letters.slice(start, end).join("");
  const found = [];
  let at = 0;
  words.forEach(({ start, end }, number) => {
    if (start < at) return;
    if (start > at) found.push([text(at, start), null]);
    found.push([text(start, end), number]);
    at = end;
  });
  if (at < letters.length) found.push([text(at), null]);
  return found;
}
