// What shows where a mask is on any picture: a light-dark line along its edge, and light-dark
// stripes in it. Bytes in, bytes out. A mark pixel is one of the screen's, counted from the
// picture's corner, so that lines are as thin at every zoom.

const WHITE = 0xffffff;
const OPAQUE = 0xff000000;
const LIGHT = 0xffffffff;
/** Of a stripe over what is wholly masked: the lighter or the darker of the two then has a contrast
 * above 3 : 1 with whatever is under them. */
export const STRIPE = 0.75;
const APART = 20; // line widths from stripe to stripe
const DASH = 4; // line widths
/** By the mask's value the colour of the dark line, and after these of the light one. */
const STRIPES = Uint32Array.from({ length: 512 }, (_, at) => {
  const alpha = Math.round(STRIPE * (at % 256)) * 2 ** 24;
  return at < 256 ? alpha : alpha + WHITE;
});

/** The greatest value of `mask` in each mark pixel of a box, of which there are `scale` to a pixel
 * of the mask; 0 beside it. */
export function sampled(mask, scale, { left, top, right, bottom }) {
  const wide = right - left;
  const out = new Uint8Array(wide * (bottom - top));
  const columns = spans(left, right, scale, mask.width);
  const rows = spans(top, bottom, scale, mask.height);
  for (let y = 0; y < bottom - top; y += 1) {
    const [v0, v1] = [rows[2 * y], rows[2 * y + 1]];
    const to = y * wide;
    if (y > 0 && v1 === v0 + 1 && v0 === rows[2 * y - 2] && v1 === rows[2 * y - 1]) {
      out.copyWithin(to, to - wide, to);
      continue;
    }
    for (let v = v0; v < v1; v += 1) raise(out, to, wide, mask.data, v * mask.width, columns);
  }
  return out;
}

/** A row of marks raised to what a row of the mask has in each. */
function raise(out, to, wide, data, row, columns) {
  for (let x = 0; x < wide; x += 1) {
    const end = row + columns[2 * x + 1];
    for (let at = row + columns[2 * x]; at < end; at += 1) {
      if (data[at] > out[to + x]) out[to + x] = data[at];
    }
  }
}

/** For each mark pixel the first pixel of the mask in it, and the first after it. Each is in one. */
function spans(from, to, scale, side) {
  const out = new Int32Array(2 * (to - from));
  for (let at = from; at < to; at += 1) {
    const first = Math.floor(at / scale);
    const after = Math.max(first + 1, Math.floor((at + 1) / scale));
    out[2 * (at - from)] = Math.max(0, Math.min(side, first));
    out[2 * (at - from) + 1] = Math.max(0, Math.min(side, after));
  }
  return out;
}

/** The marks of a box, as pixels of an ImageData: all of them `still`; with `moves` also the
 * `stripes` alone and the dashes alone, `ants`, in two places half a dash apart. With black and white
 * exchanged these are two places further on.
 *
 * `cover` are the `sampled` values of the box and of `line` mark pixels around it; `line` is how
 * wide a line is. */
export function marks(cover, { left, top, right, bottom }, { line, moves }) {
  const [wide, high] = [right - left, bottom - top];
  const across = wide + 2 * line;
  const edge = edges(cover, across, line);
  const empty = () => new Uint32Array(wide * high);
  const still = empty();
  const [stripes, ...ants] = moves ? [empty(), empty(), empty()] : [];
  const [dash, apart] = [DASH * line, APART * line];
  const near = around(line, across);
  for (let y = 0; y < high; y += 1) {
    const from = (y + line) * across + line;
    const slant = left + top + y;
    for (let x = 0; x < wide; x += 1) {
      const value = cover[from + x];
      const to = y * wide + x;
      if (edge[from + x] === 3) {
        // A pixel within is the opposite of one outside that it touches, so that whichever way an
        // edge runs, both colours lie along it.
        const at = slant + x + 2 * dash + (value ? toOutside(cover, from + x, near) : 0);
        const dark = value ? OPAQUE : LIGHT;
        still[to] = at % (2 * dash) < dash ? dark : dark ^ WHITE;
        if (!moves) continue;
        ants[0][to] = still[to];
        ants[1][to] = (at + dash / 2) % (2 * dash) < dash ? dark : dark ^ WHITE;
      } else if (value) {
        const place = (slant + x) % apart;
        if (place >= 2 * line) continue;
        still[to] = STRIPES[place < line ? value : 256 + value];
        if (moves) stripes[to] = still[to];
      }
    }
  }
  return { still, stripes, ants };
}

/** The places at most `line` away, the nearest first: two numbers each, how far on in the bytes and
 * how far on the slant. */
function around(line, across) {
  const side = Array.from({ length: 2 * line + 1 }, (_, at) => at - line);
  const all = side.flatMap((v) => side.map((u) => [u, v]));
  all.sort(([a, b], [c, d]) => a * a + b * b - c * c - d * d);
  return Int32Array.from(all.flatMap(([u, v]) => [v * across + u, u + v]));
}

/** How far on the slant the nearest pixel is that is not masked. */
function toOutside(cover, at, near) {
  let place = 0;
  while (cover[at + near[place]]) place += 2;
  return near[place + 1];
}

/** 3 where both something masked and something not masked is at most `line` away. */
function edges(cover, across, line) {
  const kinds = new Uint8Array(cover.length);
  for (let at = 0; at < cover.length; at += 1) kinds[at] = cover[at] ? 1 : 2;
  let out = kinds;
  for (const stride of [1, across]) {
    for (let step = 0; step < line; step += 1) out = withBeside(out, stride);
  }
  return out;
}

function withBeside(kinds, stride) {
  const out = kinds.slice();
  for (let at = stride; at < out.length - stride; at += 1) {
    out[at] |= kinds[at - stride] | kinds[at + stride];
  }
  return out;
}

/** The least box around all that is masked, left, top, right, bottom; null for nothing. */
export function maskedBox({ data, width, height }) {
  const isEmpty = (y) => {
    for (let at = y * width; at < (y + 1) * width; at += 1) if (data[at]) return false;
    return true;
  };
  let top = 0;
  while (top < height && isEmpty(top)) top += 1;
  if (top === height) return null;
  let bottom = height;
  while (isEmpty(bottom - 1)) bottom -= 1;
  let [left, right] = [width, 0];
  for (let y = top; y < bottom; y += 1) {
    const row = y * width;
    let x = 0;
    while (x < left && !data[row + x]) x += 1;
    left = Math.min(left, x);
    x = width;
    while (x > right && !data[row + x - 1]) x -= 1;
    right = Math.max(right, x);
  }
  return { left, top, right, bottom };
}
