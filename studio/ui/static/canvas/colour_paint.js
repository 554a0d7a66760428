// The tools of a mask, in colours: on the sheet that control pictures are drawn on, and on the layer
// over a picture.

import { Paint } from "./paint.js";

export class ColourPaint extends Paint {
  /** `pick(colour)`, [red, green, blue], hears of one taken from the picture, which `at(x, y)` looks
   * up, by default in the layer; `colour()` is the one drawn with. */
  constructor(root, view, options, { pick, colour, at = null }) {
    super(root, view, { mask: null }, options);
    this.pick = pick;
    this.colour = colour;
    this.look = at ?? ((x, y) => this.layer.at(x, y));
  }

  take(layer) {
    if (layer === this.layer) return;
    this.layer = layer;
    this.source.mask = layer.cover;
    this.last = null;
  }

  begin(event) {
    if (this.options.tool === "pick") return this.eyedropper(event);
    this.manner(event);
    return super.begin(event);
  }

  /** All tools cover; what erases does so with the layer's own nothing. */
  manner(event) {
    const { tool, sign, opacity } = this.options;
    const turned = event.altKey || event.button === 2 || event.button === 5;
    const removes = tool === "eraser" || (tool !== "brush" && sign === "remove");
    this.layer.use(removes === turned ? this.colour() : null);
    return { target: 255, opacity: opacity / 100 };
  }

  /** The pixel under the pointer, or null beside the sheet. */
  pixel(event) {
    const [x, y] = this.point(event).map(Math.floor);
    const isInside = x >= 0 && y >= 0 && x < this.layer.width && y < this.layer.height;
    return isInside ? [x, y] : null;
  }

  fill(event) {
    const { opacity } = this.manner(event);
    const place = this.pixel(event);
    const end = () => place && this.layer.fill(...place, opacity);
    return { move: () => {}, end, cancel: () => {} };
  }

  eyedropper(event) {
    const take = (one) => {
      const place = this.pixel(one);
      if (place) this.pick(this.look(...place).slice(0, 3));
    };
    take(event);
    return { move: (events) => take(events.at(-1)), end: () => {}, cancel: () => {} };
  }
}
