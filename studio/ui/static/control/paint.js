// The tools of the drawing sheet: those of the mask, in colours.

import { Paint } from "../canvas/paint.js";

export class DrawingPaint extends Paint {
  /** `pick(colour)` hears of a colour taken from the sheet; `colour()` is the one drawn with. */
  constructor(root, view, options, { pick, colour }) {
    super(root, view, { mask: null }, options);
    this.pick = pick;
    this.colour = colour;
  }

  take(layer) {
    this.layer = layer;
    this.source.mask = layer.cover;
    this.last = null;
  }

  begin(event) {
    if (this.options.tool === "pick") return this.eyedropper(event);
    this.manner(event);
    return super.begin(event);
  }

  /** All tools cover; what erases draws with the colour of the empty sheet. */
  manner(event) {
    const turned = event.altKey || event.button === 2 || event.button === 5;
    const erases = (this.options.tool === "eraser") !== turned;
    this.layer.colour = erases ? this.layer.back : this.colour();
    return { target: 255, opacity: 1 };
  }

  /** The pixel under the pointer, or null beside the sheet. */
  pixel(event) {
    const [x, y] = this.point(event).map(Math.floor);
    const isInside = x >= 0 && y >= 0 && x < this.layer.width && y < this.layer.height;
    return isInside ? [x, y] : null;
  }

  fill(event) {
    this.manner(event);
    const place = this.pixel(event);
    return { move: () => {}, end: () => place && this.layer.fill(...place), cancel: () => {} };
  }

  eyedropper(event) {
    const take = (one) => {
      const place = this.pixel(one);
      if (place) this.pick(this.layer.at(...place));
    };
    take(event);
    return { move: (events) => take(events.at(-1)), end: () => {}, cancel: () => {} };
  }
}
