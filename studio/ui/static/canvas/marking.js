// The marks of a mask on the screen: drawn where they changed, and all anew once the view rests. While
// something changes they lie on one canvas, still; then on three, whose dashes move by an animation of
// the style sheet, over what is drawn already.

import { marks, maskedBox, sampled } from "./marks.js";

const MOST_PIXELS = 4_000_000;
const REST_MS = 120;
const MARGIN_PX = 64;

export class Marking {
  /** `root` holds four canvases: for all marks, for the stripes, and for the two places of the
   * dashes. */
  constructor(root) {
    this.root = root;
    this.still = root.querySelector(".canvas-still");
    this.moving = [...root.querySelectorAll(".canvas-stripes, .canvas-ants")];
    this.motion = matchMedia("(prefers-reduced-motion: no-preference)");
    this.motion.addEventListener("change", () => this.drawAll());
    this.mask = null;
    this.window = null; // what the canvases hold: `bounds` in mark pixels, `scale` to one of the mask
    this.seen = null; // what the view shows
    this.waiting = null; // what of it the canvases that move lack
    this.timer = 0;
    const sight = new IntersectionObserver((entries) =>
      root.classList.toggle("out-of-sight", !entries.at(-1).isIntersecting),
    );
    sight.observe(root.parentElement);
  }

  show(mask) {
    this.mask = mask;
    this.hide();
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
    this.draw(part, false);
    this.waiting = joined(this.waiting, part);
    this.root.classList.remove("marching");
    this.later();
  }

  // What follows is its own

  hide() {
    clearTimeout(this.timer);
    this.window = null;
    this.waiting = null;
    this.root.classList.remove("marching");
    for (const canvas of [this.still, ...this.moving]) canvas.hidden = true;
  }

  isEnough() {
    const { scale, bounds, of } = this.window;
    if (of !== this.seen.scale) return false;
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
    else if (this.mask.edit) this.later();
    else this.march();
  }

  march() {
    if (!this.motion.matches) return;
    if (this.waiting) this.draw(this.waiting, true);
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
    if (!box) {
      this.hide();
      return;
    }
    let grain = 1;
    let bounds = this.inSight(this.seen.scale, MARGIN_PX);
    while (area(bounds) > MOST_PIXELS) {
      grain += 1;
      bounds = this.inSight(this.seen.scale / grain, MARGIN_PX);
    }
    const scale = this.seen.scale / grain;
    const line = Math.max(1, Math.round((window.devicePixelRatio || 1) / grain));
    this.window = { bounds, scale, line, of: this.seen.scale };
    const canvases = this.motion.matches ? [this.still, ...this.moving] : [this.still];
    for (const canvas of canvases) this.place(canvas, bounds, scale);
    this.root.classList.remove("marching");
    this.waiting = this.marked(box, this.window);
    if (this.waiting) this.draw(this.waiting, false);
    this.later();
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

  /** Draw a part: all marks, or those that move each on its canvas. */
  draw(part, moves) {
    const { bounds, scale, line } = this.window;
    const cover = sampled(this.mask, scale, {
      left: part.left - line,
      top: part.top - line,
      right: part.right + line,
      bottom: part.bottom + line,
    });
    const { still, stripes, ants } = marks(cover, part, { line, moves });
    const put = (canvas, pixels) => {
      const image = new ImageData(part.right - part.left, part.bottom - part.top);
      new Uint32Array(image.data.buffer).set(pixels);
      canvas.getContext("2d").putImageData(image, part.left - bounds.left, part.top - bounds.top);
    };
    if (!moves) put(this.still, still);
    else for (const [at, pixels] of [stripes, ...ants].entries()) put(this.moving[at], pixels);
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
