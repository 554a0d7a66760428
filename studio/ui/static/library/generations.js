// A picture's family in the order of its generations.

/**
 * The ids of all that `edges` [[parent, child]] tie to `id`, by generation: what it was made from
 * first, oldest first, then itself, then what was made from it. Each stands once, behind all that
 * it was made from.
 * @param {string} id
 * @param {[string, string][]} edges
 * @returns {string[][]}
 */
export function generations(id, edges) {
  const depths = new Map([[id, 0]]);
  walk(id, edges, depths, ([parent, child]) => [child, parent], -1);
  walk(id, edges, depths, ([parent, child]) => [parent, child], 1);
  const rows = new Map();
  for (const [one, depth] of depths) rows.set(depth, [...(rows.get(depth) ?? []), one]);
  return [...rows.entries()].sort(([a], [b]) => a - b).map(([, ids]) => ids);
}

/** Give depths to all that is reached from `id`; one that is reached by two ways has the farther. */
function walk(id, edges, depths, ends, step) {
  let front = [id];
  for (let depth = step; front.length && Math.abs(depth) <= edges.length; depth += step) {
    const next = new Set();
    for (const edge of edges) {
      const [from, to] = ends(edge);
      if (front.includes(from) && to !== id) next.add(to);
    }
    for (const one of next) depths.set(one, depth);
    front = [...next];
  }
}
