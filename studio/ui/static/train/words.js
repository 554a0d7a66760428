// What the tab Train says, and what it counts. Knows no page.

/** Kind of training -> what it trains. */
export const KINDS = { lora: "LoRA", embedding: "Embedding (textual inversion)" };

/** Name of a field of a training -> what stands beside it. */
export function labelOf(name) {
  const words = name.replaceAll("_", " ").replace(/\blr\b/, "learning rate");
  return (words[0].toUpperCase() + words.slice(1)).replace("snr", "SNR").replace("Ema", "EMA");
}

/** What became of files that were added: so many pictures, broken ones, others. */
export function addedWords(added, broken, others) {
  const lines = [added === 1 ? "1 picture added." : `${added} pictures added.`];
  if (broken) lines.push(`${broken} could not be.`);
  if (others) lines.push(`${others} other ${others === 1 ? "file was" : "files were"} left out.`);
  return lines.join(" ");
}

/** [[tag, count]] of captions, the most frequent first. */
export function tagsOf(captions) {
  const counts = new Map();
  for (const caption of captions) {
    const tags = new Set(caption.split(",").map((tag) => tag.trim()));
    for (const tag of tags) if (tag) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

/** {file: caption} of those in which `find` stands, with `put` there instead. */
export function replaced(pictures, find, put) {
  const found = pictures.filter(({ caption }) => caption.includes(find));
  return Object.fromEntries(
    found.map(({ file, caption }) => [file, caption.replaceAll(find, put).trim()]),
  );
}

/** Losses smoothed over some steps on either side: what the eye looks for in a noisy curve. */
export function smooth(points, width = Math.ceil(points.length / 30)) {
  return points.map(([step], at) => {
    const near = points.slice(Math.max(0, at - width), at + width + 1);
    return [step, near.reduce((sum, [, loss]) => sum + loss, 0) / near.length];
  });
}

/** The box of a picture of that size that is learnt from, cut evenly to the shape of its bucket: {left,
 * top, width, height} in parts of the picture. */
export function cropOf([width, height], [bucketWidth, bucketHeight]) {
  const scale = Math.max(bucketWidth / width, bucketHeight / height);
  const part = [bucketWidth / scale / width, bucketHeight / scale / height];
  return { left: (1 - part[0]) / 2, top: (1 - part[1]) / 2, width: part[0], height: part[1] };
}
