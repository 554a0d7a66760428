// The mask as it is seen: its colour and marks over the picture, redrawn only where it changed. Of a
// large picture a part around what is in sight, at no finer grain than the screen shows.

import { Changes } from "./changes.js";
import { Marking } from "./marking.js";

const MOST_PIXELS = 6_000_000;
const MARGIN = 0.25;

export class Overlay {
  /** `root` holds a canvas for the colour, and those of the marks. */
  constructor(root) {
    this.canvas = root.querySelector(".canvas-tint");
    this.context = this.canvas.getContext("2d");
    this.marking = new Marking(root);
    this.colours = new Uint32Array(256);
    this.mask = null;
    this.changes = new Changes((box) => this.redraw(box));
  }

  /** `colour` as #rrggbb, `opacity` 0 to 1. */
  tint(colour, opacity) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const bytes = new Uint8Array(this.colours.buffer);
    for (let value = 0; value < 256; value += 1) bytes.set([r, g, b, value], 4 * value);
    this.canvas.style.opacity = opacity;
    if (this.window) this.draw(this.window);
  }

  show(mask) {
    this.mask = mask;
    this.window = null;
    this.changes.forget();
    this.canvas.hidden = !mask;
    this.marking.show(mask);
    if (mask) mask.onPaint = this.changes.add;
  }

  /** The view shows `visible` (a box in pixels of the picture), `scale` device pixels for one. */
  follow(visible, scale) {
    if (!this.mask) return;
    this.marking.follow(visible, scale);
    const { width, height } = this.mask;
    let step = 1;
    let wanted = { left: 0, top: 0, right: width, bottom: height };
    if (width * height > MOST_PIXELS) {
      while (step * 2 * scale <= 1) step *= 2;
      while (area(wanted) / step ** 2 > MOST_PIXELS) {
        wanted = widened(visible, step, wanted);
        if (area(wanted) / step ** 2 > MOST_PIXELS) step *= 2;
      }
    }
    const now = this.window;
    if (now && now.step === step && contains(now, visible, this.mask)) return;
    this.window = { ...wanted, step };
    this.place();
  }

  place() {
    const { left, top, right, bottom, step } = this.window;
    const { canvas } = this;
    canvas.width = Math.ceil((right - left) / step);
    canvas.height = Math.ceil((bottom - top) / step);
    canvas.style.left = `${left}px`;
    canvas.style.top = `${top}px`;
    canvas.style.width = `${canvas.width * step}px`;
    canvas.style.height = `${canvas.height * step}px`;
    this.draw(this.window);
  }

  redraw(dirty) {
    if (!this.window || !this.mask) return;
    this.draw(dirty);
    this.marking.paint(dirty);
  }

  draw(dirty) {
    const { window: part } = this;
    const { step } = part;
    const left = Math.floor((Math.max(dirty.left, part.left) - part.left) / step);
    const top = Math.floor((Math.max(dirty.top, part.top) - part.top) / step);
    const right = Math.ceil((Math.min(dirty.right, part.right) - part.left) / step);
    const bottom = Math.ceil((Math.min(dirty.bottom, part.bottom) - part.top) / step);
    if (left >= right || top >= bottom) return;
    const image = new ImageData(right - left, bottom - top);
    const pixels = new Uint32Array(image.data.buffer);
    if (step === 1) this.fill(pixels, part.left + left, part.top + top, image);
    else this.fillCoarse(pixels, part.left + left * step, part.top + top * step, image, step);
    this.context.putImageData(image, left, top);
  }

  fill(pixels, left, top, { width, height }) {
    const { data, width: across } = this.mask;
    for (let y = 0; y < height; y += 1) {
      const from = (top + y) * across + left;
      const to = y * width;
      for (let x = 0; x < width; x += 1) pixels[to + x] = this.colours[data[from + x]];
    }
  }

  /** Each pixel the greatest value of step × step of the mask: nothing masked goes unseen. */
  fillCoarse(pixels, left, top, { width, height }, step) {
    const { data, width: across, height: down } = this.mask;
    for (let y = 0; y < height; y += 1) {
      const y1 = Math.min(down, top + (y + 1) * step);
      for (let x = 0; x < width; x += 1) {
        const x1 = Math.min(across, left + (x + 1) * step);
        let most = 0;
        for (let v = top + y * step; v < y1; v += 1) {
          for (let u = left + x * step; u < x1; u += 1) {
            const value = data[v * across + u];
            if (value > most) most = value;
          }
        }
        pixels[y * width + x] = this.colours[most];
      }
    }
  }
}

const area = ({ left, top, right, bottom }) => (right - left) * (bottom - top);

/** `visible` with a margin, on whole steps, within `bounds`. */
function widened(visible, step, bounds) {
  const [across, down] = [visible.right - visible.left, visible.bottom - visible.top];
  const snap = (at) => Math.floor(at / step) * step;
  return {
    left: snap(Math.max(0, visible.left - across * MARGIN)),
    top: snap(Math.max(0, visible.top - down * MARGIN)),
    right: Math.min(bounds.right, snap(visible.right + across * MARGIN) + step),
    bottom: Math.min(bounds.bottom, snap(visible.bottom + down * MARGIN) + step),
  };
}

const contains = (part, visible, { width, height }) =>
  part.left <= Math.max(0, visible.left) &&
  part.top <= Math.max(0, visible.top) &&
  part.right >= Math.min(width, visible.right) &&
  part.bottom >= Math.min(height, visible.bottom);
