// The marks of a mask on the screen: drawn where they changed, and all anew once the view rests.
// Their dashes move by an animation of the style sheet, over what is drawn already.

import { marks, maskedBox, sampled } from "./marks.js";

const MOST_PIXELS = 4_000_000;
const REST_MS = 120;
const MARGIN_PX = 64;

export class Marking {
  /** `root` holds three canvases: for the stripes, and for the two places of the dashes. */
  constructor(root) {
    this.root = root;
    this.stripes = root.querySelector(".canvas-stripes");
    this.ants = [...root.querySelectorAll(".canvas-ants")];
    this.canvases = [this.stripes, ...this.ants];
    this.mask = null;
    this.window = null; // what the canvases hold: a box in mark pixels, `scale`, `line`
    this.seen = null; // what the view shows
    this.waiting = null; // what the dashes' second place lacks
    this.timer = 0;
    const sight = new IntersectionObserver((entries) =>
      root.classList.toggle("out-of-sight", !entries.at(-1).isIntersecting),
    );
    sight.observe(root.parentElement);
  }

  show(mask) {
    clearTimeout(this.timer);
    this.mask = mask;
    this.window = null;
    this.waiting = null;
    for (const canvas of this.canvases) canvas.hidden = true;
  }

  /** The view shows `visible` (a box in pixels of the picture), `scale` device pixels for one. */
  follow(visible, scale) {
    this.seen = { visible, scale };
    if (!this.window) this.drawAll();
    else if (!this.isEnough()) this.later();
  }

  /** These pixels of the mask changed. */
  paint(dirty) {
    if (!this.window) {
      this.drawAll();
      return;
    }
    const part = this.marked(dirty, this.window);
    if (!part) return;
    this.draw(part, [this.stripes, this.ants[0]]);
    this.waiting = joined(this.waiting, part);
    this.root.classList.remove("marching");
    this.later();
  }

  // What follows is its own

  isEnough() {
    const { scale, bounds, grain } = this.window;
    if (scale * grain !== this.seen.scale) return false;
    const wanted = this.inSight(scale, 0);
    return (
      bounds.left <= wanted.left &&
      bounds.top <= wanted.top &&
      bounds.right >= wanted.right &&
      bounds.bottom >= wanted.bottom
    );
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), REST_MS);
  }

  rest() {
    if (!this.mask || !this.seen) return;
    if (!this.isEnough()) this.drawAll();
    else if (this.waiting) this.draw(this.waiting, [null, null, this.ants[1]]);
    this.waiting = null;
    this.root.classList.add("marching");
  }

  /** What is in sight of the picture, in mark pixels. */
  inSight(scale, margin) {
    const { left, top, right, bottom } = this.seen.visible;
    return {
      left: Math.max(0, Math.floor(left * scale) - margin),
      top: Math.max(0, Math.floor(top * scale) - margin),
      right: Math.min(Math.ceil(this.mask.width * scale), Math.ceil(right * scale) + margin),
      bottom: Math.min(Math.ceil(this.mask.height * scale), Math.ceil(bottom * scale) + margin),
    };
  }

  /** All that is in sight, on canvases of that size; none without anything masked. */
  drawAll() {
    const box = this.mask && this.seen ? maskedBox(this.mask) : null;
    if (!box) return;
    let grain = 1;
    let bounds = this.inSight(this.seen.scale, MARGIN_PX);
    while (area(bounds) > MOST_PIXELS) {
      grain += 1;
      bounds = this.inSight(this.seen.scale / grain, MARGIN_PX);
    }
    const scale = this.seen.scale / grain;
    const line = Math.max(1, Math.round((window.devicePixelRatio || 1) / grain));
    this.window = { bounds, scale, grain, line };
    for (const canvas of this.canvases) this.place(canvas, bounds, scale);
    const part = this.marked(box, this.window);
    if (part) this.draw(part, this.canvases);
    this.waiting = null;
    this.root.classList.add("marching");
  }

  place(canvas, { left, top, right, bottom }, scale) {
    canvas.hidden = false;
    canvas.width = Math.max(1, right - left);
    canvas.height = Math.max(1, bottom - top);
    canvas.style.left = `${left / scale}px`;
    canvas.style.top = `${top / scale}px`;
    canvas.style.width = `${canvas.width / scale}px`;
    canvas.style.height = `${canvas.height / scale}px`;
  }

  /** The marks that a box of the mask can change; null for none that are here. */
  marked({ left, top, right, bottom }, { bounds, scale, line }) {
    const part = {
      left: Math.max(bounds.left, Math.floor(left * scale) - line),
      top: Math.max(bounds.top, Math.floor(top * scale) - line),
      right: Math.min(bounds.right, Math.ceil(right * scale) + line),
      bottom: Math.min(bounds.bottom, Math.ceil(bottom * scale) + line),
    };
    return part.left < part.right && part.top < part.bottom ? part : null;
  }

  /** Draw a part on those of `canvases`, three as `this.canvases`, that are named. */
  draw(part, canvases) {
    const { bounds, scale, line } = this.window;
    const cover = sampled(this.mask, scale, {
      left: part.left - line,
      top: part.top - line,
      right: part.right + line,
      bottom: part.bottom + line,
    });
    const drawn = marks(cover, part, line);
    const put = (canvas, pixels) => {
      if (!canvas) return;
      const image = new ImageData(part.right - part.left, part.bottom - part.top);
      new Uint32Array(image.data.buffer).set(pixels);
      canvas.getContext("2d").putImageData(image, part.left - bounds.left, part.top - bounds.top);
    };
    put(canvases[0], drawn.stripes);
    put(canvases[1], drawn.ants[0]);
    put(canvases[2], drawn.ants[1]);
  }
}

const area = ({ left, top, right, bottom }) =>
  Math.max(0, right - left) * Math.max(0, bottom - top);

const joined = (one, other) =>
  one
    ? {
        left: Math.min(one.left, other.left),
        top: Math.min(one.top, other.top),
        right: Math.max(one.right, other.right),
        bottom: Math.max(one.bottom, other.bottom),
      }
    : other;
