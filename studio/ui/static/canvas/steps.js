// What is painted on one canvas in several layers is undone in the order in which it was painted:
// each step of a layer tells when it was made, and when it was taken back.

let count = 0;

/** The number of the next event: larger than any before. */
export const tick = () => {
  count += 1;
  return count;
};

/** Whose last step is to be undone, of layers with `past` and `future`, lists of {made, left},
 * which one alone needs not tell; undefined where there is none. */
export function lastOf(layers) {
  return best(layers, ({ past }) => (past.length ? (past.at(-1).made ?? 0) : undefined));
}

/** Whose step is to be redone. A step is lost once something was painted after it was undone. */
export function nextOf(layers) {
  const alive = ({ left }) => !layers.some((other) => newest(other) > left);
  return best(layers, ({ future }) => {
    const step = future.at(-1);
    return step && alive(step) ? -(step.made ?? 0) : undefined;
  });
}

const newest = ({ past, future }) => Math.max(past.at(-1)?.made ?? 0, future[0]?.made ?? 0);

function best(layers, rank) {
  let found;
  for (const layer of layers) {
    const at = rank(layer);
    if (at !== undefined && (!found || at > rank(found))) found = layer;
  }
  return found;
}
