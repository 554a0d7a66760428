// The painted colours as they are seen, over the picture and under the mask, redrawn only where they
// changed; of a large picture at a coarser grain, which nothing but the eye takes for the layer.

import { Changes } from "./changes.js";

const MOST_PIXELS = 12_000_000;

export class ColourOverlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.layer = null;
    this.changes = new Changes((box) => this.draw(box));
  }

  /** Does it show something else than `layer` as it is now? Of a layer that two canvases show, the one
   * in use hears what changes. */
  isBehind(layer) {
    return layer !== this.layer || (layer !== null && layer.onPaint !== this.changes.add);
  }

  /** `layer` from now on; null: nothing is painted. */
  show(layer) {
    this.layer = layer;
    this.canvas.hidden = !layer;
    this.changes.forget();
    if (!layer) return;
    const { width, height } = layer;
    this.step = 1;
    while ((width * height) / this.step ** 2 > MOST_PIXELS) this.step += 1;
    this.canvas.width = Math.ceil(width / this.step);
    this.canvas.height = Math.ceil(height / this.step);
    this.canvas.style.width = `${this.canvas.width * this.step}px`;
    this.canvas.style.height = `${this.canvas.height * this.step}px`;
    layer.onPaint = this.changes.add;
    this.changes.add(0, 0, width, height);
  }

  draw(box) {
    const { layer, step } = this;
    const snap = (at) => at - (at % step);
    const part = { ...box, left: snap(box.left), top: snap(box.top) };
    this.context.putImageData(layer.pixels(part, step), part.left / step, part.top / step);
  }
}
