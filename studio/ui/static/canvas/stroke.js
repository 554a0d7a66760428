// One stroke of brush or eraser. What it covers depends only on a pixel's distance from the line
// drawn, so neither the number of points nor a place crossed twice changes it.

import { TILE } from "./mask.js";

const STRETCH = 64;

export class Stroke {
  /** `target` 255 paints, 0 erases; `radius` in pixels; `softness` and `opacity` 0 to 1: the part
   * of the radius over which it fades, and how far it goes where it covers wholly. */
  constructor(mask, { target, radius, softness, opacity }) {
    this.mask = mask;
    this.target = target;
    this.radius = radius;
    this.softness = softness;
    this.opacity = opacity;
    this.last = null;
    this.covers = new Map(); // tile -> how far the stroke covers each pixel, and what was there
    this.begin();
  }

  begin() {
    this.mask.open();
    this.edit = this.mask.edit;
    this.version = this.mask.version;
  }

  /** Was the edit ended from elsewhere, as when the mask is sent while somebody paints? */
  get isEnded() {
    return this.mask.edit !== this.edit;
  }

  /** On with the stroke; if more than that happened to the mask, as a new one. */
  resume() {
    if (this.mask.version !== this.version + 1) this.covers.clear();
    this.begin();
  }

  /** On to a point, at a pressure of 0 to 1. Pixel (0, 0) reaches from 0 to 1. */
  to(x, y, pressure = 1) {
    if (this.isEnded) this.resume();
    const point = { x, y, radius: Math.max(0.5, this.radius * pressure) };
    const from = this.last ?? point;
    const parts = Math.ceil(
      Math.hypot(x - from.x, y - from.y) / Math.max(STRETCH, this.radius * 4),
    );
    let a = from;
    for (let part = 1; part < parts; part += 1) {
      const b = between(from, point, part / parts);
      this.segment(a, b);
      a = b;
    }
    this.segment(a, point);
    this.last = point;
  }

  end() {
    if (!this.isEnded) this.mask.commit();
  }

  cancel() {
    if (!this.isEnded) this.mask.cancel();
  }

  segment(a, b) {
    const { width, height, across } = this.mask;
    const reach = Math.max(a.radius, b.radius) + 1;
    const left = Math.max(0, Math.floor(Math.min(a.x, b.x) - reach));
    const top = Math.max(0, Math.floor(Math.min(a.y, b.y) - reach));
    const right = Math.min(width, Math.ceil(Math.max(a.x, b.x) + reach));
    const bottom = Math.min(height, Math.ceil(Math.max(a.y, b.y) + reach));
    if (left >= right || top >= bottom) return;
    for (let ty = Math.floor(top / TILE); ty * TILE < bottom; ty += 1) {
      for (let tx = Math.floor(left / TILE); tx * TILE < right; tx += 1) {
        const box = {
          left: Math.max(left, tx * TILE),
          top: Math.max(top, ty * TILE),
          right: Math.min(right, (tx + 1) * TILE),
          bottom: Math.min(bottom, (ty + 1) * TILE),
        };
        this.inTile(ty * across + tx, box, a, b);
      }
    }
    this.mask.onPaint(left, top, right, bottom);
  }

  inTile(tile, box, a, b) {
    const { mask, target, opacity, softness } = this;
    const { data, width } = mask;
    const now = mask.before(tile);
    const { left, top, right } = mask.tileBox(tile);
    const wide = right - left;
    if (!this.covers.has(tile)) {
      this.covers.set(tile, { before: now, cover: new Uint8Array(now.length) });
    }
    const { before, cover } = this.covers.get(tile);
    const [dx, dy, grows] = [b.x - a.x, b.y - a.y, b.radius - a.radius];
    const square = dx * dx + dy * dy;
    const rate = square > 0 ? 1 / square : 0;
    for (let y = box.top; y < box.bottom; y += 1) {
      const py = y + 0.5 - a.y;
      for (let x = box.left; x < box.right; x += 1) {
        const local = (y - top) * wide + x - left;
        if (cover[local] === 255) continue;
        const px = x + 0.5 - a.x;
        let along = (px * dx + py * dy) * rate;
        along = along < 0 ? 0 : Math.min(along, 1);
        const outer = a.radius + grows * along + 0.5;
        const ex = px - along * dx;
        const ey = py - along * dy;
        const distance2 = ex * ex + ey * ey;
        if (distance2 >= outer * outer) continue;
        const covered = coverage(outer - Math.sqrt(distance2), softness * outer);
        if (covered <= cover[local]) continue;
        cover[local] = covered;
        const old = before[local];
        data[y * width + x] = old + (target - old) * (covered / 255) * opacity + 0.5;
      }
    }
  }
}

/** 0 to 255, for a pixel so deep inside the stroke's rim, which fades over `fade` pixels. */
function coverage(depth, fade) {
  if (fade <= 1) return depth >= 1 ? 255 : (depth * 255 + 0.5) | 0;
  if (depth >= fade) return 255;
  const share = depth / fade;
  return (share * share * (3 - 2 * share) * 255 + 0.5) | 0;
}

const between = (a, b, share) => ({
  x: a.x + (b.x - a.x) * share,
  y: a.y + (b.y - a.y) * share,
  radius: a.radius + (b.radius - a.radius) * share,
});
