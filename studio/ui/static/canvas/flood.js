// Selections by colour: what of a picture is like the pixel that was clicked, and how its edge is
// softened. Bytes in, bytes out; knows no page.

import { maskedBox } from "./marks.js";
import { flood } from "./regions.js";

const PASSES = 3; // means one after the other, which come close to a Gaussian

/** What is like pixel (x, y) of `picture` ({width, height, data}, RGBA): one byte a pixel, 255 where
 * no channel is further from its own there than `tolerance`, 0 to 255. `contiguous`: of that only
 * what is connected to the pixel by its sides. */
export function alike(picture, x, y, { tolerance, contiguous }) {
  const { width, height } = picture;
  const start = y * width + x;
  const like = likeness(picture.data, start, tolerance);
  if (!contiguous) return like;
  const part = new Uint8Array(width * height);
  flood(part, like, 255, { width, height, start });
  for (let at = 0; at < part.length; at += 1) part[at] = -part[at]; // 1 becomes 255
  return part;
}

function likeness(data, start, tolerance) {
  const out = new Uint8Array(data.length / 4);
  const [r, g, b] = data.subarray(4 * start, 4 * start + 3);
  for (let at = 0, from = 0; at < out.length; at += 1, from += 4) {
    const red = data[from] - r;
    const green = data[from + 1] - g;
    const blue = data[from + 2] - b;
    const isLike =
      red <= tolerance &&
      -red <= tolerance &&
      green <= tolerance &&
      -green <= tolerance &&
      blue <= tolerance &&
      -blue <= tolerance;
    if (isLike) out[at] = 255;
  }
  return out;
}

/** `bytes` with its edges softened over `radius` pixels to both sides; beyond the picture it goes on
 * as at the border. */
export function feathered(bytes, width, height, radius) {
  const box = maskedBox({ data: bytes, width, height });
  if (radius < 1 || !box) return bytes;
  const left = Math.max(0, box.left - radius - 1);
  const top = Math.max(0, box.top - radius - 1);
  const across = Math.min(width, box.right + radius + 1) - left;
  const down = Math.min(height, box.bottom + radius + 1) - top;
  let values = new Float32Array(across * down);
  for (let y = 0; y < down; y += 1) {
    const from = (top + y) * width + left;
    values.set(bytes.subarray(from, from + across), y * across);
  }
  for (let pass = 0; pass < PASSES; pass += 1) {
    const reach = Math.floor((radius + pass) / PASSES);
    if (reach > 0) values = meansDown(meansAcross(values, across, reach), across, reach);
  }
  const out = new Uint8Array(width * height);
  for (let at = 0; at < values.length; at += 1) {
    out[(top + Math.floor(at / across)) * width + left + (at % across)] = values[at] + 0.5;
  }
  return out;
}

/** Each value the mean of those at most `reach` before and after it in its row. */
function meansAcross(values, across, reach) {
  const out = new Float32Array(values.length);
  const share = 1 / (2 * reach + 1);
  for (let row = 0; row < values.length; row += across) {
    const last = row + across - 1;
    let sum = values[row] * reach;
    for (let ahead = 0; ahead <= reach; ahead += 1) sum += values[Math.min(last, row + ahead)];
    for (let at = row; at <= last; at += 1) {
      out[at] = sum * share;
      sum += values[Math.min(last, at + reach + 1)] - values[Math.max(row, at - reach)];
    }
  }
  return out;
}

/** The same in its column. */
function meansDown(values, across, reach) {
  const out = new Float32Array(values.length);
  const share = 1 / (2 * reach + 1);
  const last = values.length / across - 1;
  const row = (y) => Math.max(0, Math.min(last, y)) * across;
  const sums = new Float64Array(across);
  for (let y = -reach; y <= reach; y += 1) {
    for (let x = 0; x < across; x += 1) sums[x] += values[row(y) + x];
  }
  for (let y = 0; y <= last; y += 1) {
    const [here, comes, goes] = [row(y), row(y + reach + 1), row(y - reach)];
    for (let x = 0; x < across; x += 1) {
      out[here + x] = sums[x] * share;
      sums[x] += values[comes + x] - values[goes + x];
    }
  }
  return out;
}

/** Put a selection into a mask, as one step of its history. `target` 255 adds, 0 removes. */
export function select(mask, bytes, target) {
  const out = mask.data.slice();
  for (let at = 0; at < out.length; at += 1) {
    const kept = target ? 255 - out[at] : out[at];
    const value = Math.min(kept, 255 - bytes[at]);
    out[at] = target ? 255 - value : value;
  }
  mask.replace(out);
}
