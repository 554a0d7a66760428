// Changes of a mask that follow what is painted in it: enclosed parts filled, everything grown or
// shrunk. Where nothing can change nothing is looked at twice.

import { TILE } from "./mask.js";

const COVERED = 128;

/** Fill the part around pixel (x, y) that what is painted encloses, up to the ridge of its soft
 * edge. `target` 255 adds, as far as `opacity` (0 to 1) says; 0 empties a painted part. */
export function fillEnclosed(mask, x, y, { target, opacity }) {
  const { width, height, data } = mask;
  const flip = target ? 0 : 255; // a byte turned by it is its distance from what is to be filled
  const start = y * width + x;
  if ((data[start] ^ flip) >= COVERED) return;
  const part = new Uint8Array(width * height);
  flood(part, data, flip, { width, height, start });
  climb(part, data, flip, { width, height });
  const out = data.slice();
  for (let at = 0; at < part.length; at += 1) {
    if (part[at]) out[at] += (target - out[at]) * opacity + 0.5;
  }
  mask.replace(out);
}

/** Mark what is connected to `start` and not covered, run by run. */
export function flood(part, data, flip, { width, height, start }) {
  const isOpen = (at) => !part[at] && (data[at] ^ flip) < COVERED;
  const stack = [start];
  while (stack.length > 0) {
    const at = stack.pop();
    if (!isOpen(at)) continue;
    const row = at - (at % width);
    let left = at;
    let right = at + 1;
    while (left > row && isOpen(left - 1)) left -= 1;
    while (right < row + width && isOpen(right)) right += 1;
    part.fill(1, left, right);
    for (const step of [-width, width]) {
      if (row + step < 0 || row + step >= width * height) continue;
      let inRun = false;
      for (let next = left + step; next < right + step; next += 1) {
        const opens = isOpen(next);
        if (opens && !inRun) stack.push(next);
        inRun = opens;
      }
    }
  }
}

/** On from the half covered edge to where it is highest, so that no rim stays between. */
function climb(part, data, flip, { width, height }) {
  const around = (at, visit) => {
    const x = at % width;
    if (x > 0) visit(at - 1);
    if (x < width - 1) visit(at + 1);
    if (at >= width) visit(at - width);
    if (at < width * (height - 1)) visit(at + width);
  };
  let front = [];
  for (let at = 0; at < part.length; at += 1) {
    if (part[at]) around(at, (next) => !part[next] && front.push(next));
  }
  while (front.length > 0) {
    const next = [];
    for (const at of front) {
      if (part[at]) continue;
      part[at] = 1;
      const here = data[at] ^ flip;
      around(at, (to) => !part[to] && (data[to] ^ flip) > here && next.push(to));
    }
    front = next;
  }
}

/** Widen what is masked by a disc of `radius` pixels, at most 64; shrink it where that is negative.
 * Each pixel becomes the greatest, or least, of the disc around it. */
export function grow(mask, radius) {
  const flip = radius < 0 ? 255 : 0;
  const { width, height, across } = mask;
  const source = flip ? mask.data.map((value) => 255 - value) : mask.data;
  const out = source.slice();
  const ranges = Array.from({ length: across * mask.down }, (_, tile) =>
    range(source, width, mask.tileBox(tile)),
  );
  const reach = Math.abs(radius);
  ranges.forEach(([least], tile) => {
    if (mostAround(ranges, tile, mask) <= least) return;
    growTile({ source, out, width, height }, mask.tileBox(tile), reach);
  });
  if (flip) for (let at = 0; at < out.length; at += 1) out[at] = 255 - out[at];
  mask.replace(out);
}

function range(data, width, { left, top, right, bottom }) {
  let [least, most] = [255, 0];
  for (let y = top; y < bottom; y += 1) {
    for (let at = y * width + left; at < y * width + right; at += 1) {
      if (data[at] < least) least = data[at];
      if (data[at] > most) most = data[at];
    }
  }
  return [least, most];
}

function mostAround(ranges, tile, { across, down }) {
  const [tx, ty] = [tile % across, Math.floor(tile / across)];
  let most = 0;
  for (let y = Math.max(0, ty - 1); y <= Math.min(down - 1, ty + 1); y += 1) {
    for (let x = Math.max(0, tx - 1); x <= Math.min(across - 1, tx + 1); x += 1) {
      most = Math.max(most, ranges[y * across + x][1]);
    }
  }
  return most;
}

/** The disc is a stack of rows, the wider the nearer: each row of the source is widened step by
 * step and raises the rows as far away as it is then wide enough for. */
function growTile({ source, out, width, height }, { left, top, right, bottom }, reach) {
  const wide = right - left;
  const row = new Uint8Array(TILE + 2 * reach);
  const most = new Uint8Array(TILE);
  for (let y = Math.max(0, top - reach); y < Math.min(height, bottom + reach); y += 1) {
    const from = Math.max(0, left - reach);
    const to = Math.min(width, right + reach);
    const slice = source.subarray(y * width + from, y * width + to);
    if (!slice.some(Boolean)) continue;
    row.fill(0);
    row.set(slice, from - left + reach);
    most.set(row.subarray(reach, reach + wide));
    let half = 0;
    for (let dy = reach; dy >= 0; dy -= 1) {
      for (; (half + 1) ** 2 + dy * dy <= reach * reach; half += 1) {
        widen(most, row, reach, half + 1, wide);
      }
      if (y - dy >= top && y - dy < bottom) raise(out, (y - dy) * width + left, most, wide);
      if (dy && y + dy >= top && y + dy < bottom) raise(out, (y + dy) * width + left, most, wide);
    }
  }
}

function widen(most, row, reach, by, wide) {
  for (let x = 0; x < wide; x += 1) {
    const before = row[x + reach - by];
    const after = row[x + reach + by];
    const greater = Math.max(before, after);
    if (greater > most[x]) most[x] = greater;
  }
}

function raise(out, start, most, wide) {
  for (let x = 0; x < wide; x += 1) {
    if (most[x] > out[start + x]) out[start + x] = most[x];
  }
}
