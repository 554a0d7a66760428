// Shapes put into a mask: the inside of an outline, a rectangle, another mask stretched.

const SUB = 4; // lines looked at in each row of pixels

/** Fill the inside of a closed outline, [[x, y], …] in pixels, edges smoothed. Parts surrounded
 * twice are inside too. `target` 255 adds, 0 removes, as far as `opacity` (0 to 1) says. */
export function fillOutline(mask, points, { target, opacity }) {
  const box = boxOf(points, mask);
  mask.open();
  if (box.left >= box.right || box.top >= box.bottom) return mask.commit();
  mask.keep(box);
  const lines = crossings(points, box);
  const row = new Float32Array(mask.width + 1);
  for (let y = box.top; y < box.bottom; y += 1) {
    row.fill(0, box.left, box.right + 1);
    for (let sub = 0; sub < SUB; sub += 1) {
      addSpans(row, lines[(y - box.top) * SUB + sub], box);
    }
    for (let x = box.left; x < box.right; x += 1) {
      const share = Math.min(1, row[x]);
      if (share > 0.001) mask.blend(y * mask.width + x, target, share * opacity);
    }
  }
  mask.onPaint(box.left, box.top, box.right, box.bottom);
  return mask.commit();
}

/** Where the outline crosses each line of the box: [x, direction] pairs. */
function crossings(points, box) {
  const lines = Array.from({ length: (box.bottom - box.top) * SUB }, () => []);
  points.forEach(([x0, y0], index) => {
    const [x1, y1] = points[(index + 1) % points.length];
    if (y0 === y1) return;
    const [low, high] = y0 < y1 ? [y0, y1] : [y1, y0];
    const first = Math.max(0, Math.ceil((low - box.top) * SUB - 0.5));
    const last = Math.min(lines.length, Math.ceil((high - box.top) * SUB - 0.5));
    const slope = (x1 - x0) / (y1 - y0);
    for (let line = first; line < last; line += 1) {
      const y = box.top + (line + 0.5) / SUB;
      lines[line].push([x0 + (y - y0) * slope, y0 < y1 ? 1 : -1]);
    }
  });
  return lines;
}

function addSpans(row, line, box) {
  line.sort((a, b) => a[0] - b[0]);
  let winding = 0;
  line.forEach(([x, direction], index) => {
    if (winding !== 0) {
      const from = Math.max(box.left, line[index - 1][0]);
      const to = Math.min(box.right, x);
      if (from < to) addSpan(row, from, to);
    }
    winding += direction;
  });
}

function addSpan(row, from, to) {
  const [first, last] = [Math.floor(from), Math.floor(to)];
  if (first === last) {
    row[first] += (to - from) / SUB;
    return;
  }
  row[first] += (first + 1 - from) / SUB;
  for (let x = first + 1; x < last; x += 1) row[x] += 1 / SUB;
  row[last] += (to - last) / SUB;
}

function boxOf(points, { width, height }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  return {
    left: Math.max(0, Math.floor(left)),
    top: Math.max(0, Math.floor(top)),
    right: Math.min(width, Math.ceil(right)),
    bottom: Math.min(height, Math.ceil(bottom)),
  };
}

/** A rectangle of whole pixels. */
export function fillBox(mask, box, { target, opacity }) {
  mask.open();
  mask.keep(box);
  for (let y = box.top; y < box.bottom; y += 1) {
    for (let x = box.left; x < box.right; x += 1) mask.blend(y * mask.width + x, target, opacity);
  }
  mask.onPaint(box.left, box.top, box.right, box.bottom);
  mask.commit();
}

/** The bytes of a mask stretched to another size, between pixels straight from one to the next. */
export function resampled(mask, width, height) {
  const { data } = mask;
  if (mask.width === width && mask.height === height) return data.slice();
  const out = new Uint8Array(width * height);
  const columns = places(mask.width, width);
  const rows = places(mask.height, height);
  rows.forEach(([y0, y1, v], y) => {
    columns.forEach(([x0, x1, u], x) => {
      const above = data[y0 * mask.width + x0] * (1 - u) + data[y0 * mask.width + x1] * u;
      const below = data[y1 * mask.width + x0] * (1 - u) + data[y1 * mask.width + x1] * u;
      out[y * width + x] = above * (1 - v) + below * v + 0.5;
    });
  });
  return out;
}

/** For each of `to` places the two of `from` around it, and the share of the second. */
function places(from, to) {
  return Array.from({ length: to }, (_, index) => {
    const at = Math.min(from - 1, Math.max(0, ((index + 0.5) * from) / to - 0.5));
    const first = Math.floor(at);
    return [first, Math.min(from - 1, first + 1), at - first];
  });
}
