// A rectangle of the mask by keys alone: Enter begins one in the middle of what is in sight, arrows
// move it, with Shift they size it, Enter fills it, Escape drops it.

import { clipped, corners } from "./paint.js";
import { fillBox } from "./shapes.js";

const STEP_PX = 8; // of the screen, or a pixel of the picture where that is larger
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Arrows move it, with Shift they size it, Enter fills it, Escape drops it.";

export class KeyBox {
  /** `say(words, stays)` tells what is on the canvas of `paint`. */
  constructor(paint, say) {
    this.paint = paint;
    this.say = say;
    this.box = null;
    paint.port.addEventListener("blur", () => this.drop());
    paint.port.addEventListener("pointerdown", () => this.drop());
  }

  /** Was `event` a key of the rectangle? Then nobody else has it. */
  takes(event) {
    const { port, options } = this.paint;
    const isMeant = event.target === port && options.tool === "rectangle";
    if (!isMeant || event.ctrlKey || event.metaKey) return false;
    if (!this.box && event.key !== "Enter") return false;
    if (!this.key(event)) return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    return true;
  }

  key(event) {
    if (event.key === "Enter") {
      if (this.box) this.fill(event);
      else this.begin();
    } else if (event.key === "Escape") this.drop();
    else if (event.key in WAYS) this.change(WAYS[event.key], event.shiftKey);
    else return false;
    return true;
  }

  get mask() {
    return this.paint.source.mask;
  }

  begin() {
    const seen = this.mask && clipped(this.paint.view.visible, this.mask);
    if (!seen) return;
    const [across, down] = [(seen.right - seen.left) / 4, (seen.bottom - seen.top) / 4];
    this.show({
      left: Math.floor(seen.left + across),
      top: Math.floor(seen.top + down),
      right: Math.ceil(seen.right - across),
      bottom: Math.ceil(seen.bottom - down),
    });
  }

  /** By a step to where `x` and `y` (-1, 0 or 1) point: the right lower corner alone where it `sizes`. */
  change([x, y], sizes) {
    const { mask, box } = this;
    const step = Math.max(1, Math.round(STEP_PX / this.paint.view.scale));
    const moved = (low, high, way, end) => {
      const by = Math.min(end - high, Math.max(sizes ? low + 1 - high : -low, way * step));
      return [sizes ? low : low + by, high + by];
    };
    const [left, right] = moved(box.left, box.right, x, mask.width);
    const [top, bottom] = moved(box.top, box.bottom, y, mask.height);
    this.show({ left, top, right, bottom });
  }

  show(box) {
    this.box = box;
    this.paint.draw(corners(box));
    const { left, top, right, bottom } = box;
    this.say(`${right - left} × ${bottom - top} at ${left}, ${top}. ${HELP}`, true);
  }

  fill(event) {
    const { mask, box } = this;
    this.drop();
    const part = mask && clipped(box, mask);
    if (part) fillBox(mask, part, this.paint.manner(event));
  }

  drop() {
    if (!this.box) return;
    this.box = null;
    this.paint.draw(null);
    this.say("");
  }
}
