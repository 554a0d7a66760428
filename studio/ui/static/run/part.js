// A part of the picture in the frame is painted: there it is seen, everywhere else what it is kept in.
// What is seen is what the studio makes of it.

import { Changes } from "../canvas/changes.js";
import { resize } from "../canvas/keys.js";
import { Mask } from "../canvas/mask.js";
import { bindOptions, Options } from "../canvas/options.js";
import { Paint } from "../canvas/paint.js";
import { make } from "../shared/dom.js";

const LAYER = "part";
const STEP = 1.15; // of a brush
const TOOLS = { b: "brush", e: "eraser" };

/** The brush over the place of the result, which shows only while a part is painted. */
class PartPaint extends Paint {
  showRing() {
    if (this.source.mask) super.showRing();
    else this.ring.hidden = true;
  }
}

export class Part {
  /** The tools stand in `panel`; `view` is that of the picture, whose box `frame` has. `changed()` is
   * called after each stroke. */
  constructor(root, panel, { view, frame, changed }) {
    this.frame = frame;
    this.port = view.port;
    this.changed = changed;
    this.mask = null; // 255 where the picture in the frame is kept
    this.base = null; // the image that the rest is as in
    this.over = null;
    /** @type {Options & import("../canvas/options.js").Values} */
    this.options = /** @type {any} */ (new Options());
    this.options.use(LAYER);
    this.paint = new PartPaint(root, view, this, this.options);
    const show = bindOptions(panel, this.options);
    this.options.onChange = () => {
      show();
      this.paint.refresh();
    };
    show();
    this.changes = new Changes((box) => this.draw(box));
    this.port.addEventListener("contextmenu", (event) => this.isOn && event.preventDefault());
    this.paint.refresh();
  }

  get isOn() {
    return this.mask !== null;
  }

  get isBlank() {
    return !this.mask?.total;
  }

  /** Paint in the picture of that size, which is seen on top of `base`; `mask` is what was painted
   * before, if anything was. */
  begin({ width, height }, base, mask = null) {
    this.stop();
    this.mask = mask ?? new Mask(width, height);
    this.mask.onPaint = this.changes.add;
    this.mask.onCommit = this.changed;
    this.base = base;
    this.options.suit({ width, height });
    this.canvas = make("canvas", { width, height });
    this.over = make("div", { className: "over part" }, this.canvas);
    this.frame.append(this.over);
    this.mask.paintAll();
    this.changes.flush();
    this.paint.refresh();
  }

  /** The rest is as in another image. */
  turn(base) {
    this.base = base;
    this.mask.paintAll();
    this.changes.flush();
  }

  stop() {
    this.changes.forget();
    this.over?.remove();
    this.over = null;
    this.mask = null;
    this.base = null;
    this.paint.refresh();
  }

  /** What a press of the pointer begins; null where nothing is painted. */
  press(event) {
    return this.isOn ? this.paint.begin(event) : null;
  }

  /** What a key does to the part; false for a key that is not meant for it. */
  key({ key, shiftKey, ctrlKey, metaKey }) {
    const name = key.toLowerCase();
    if (ctrlKey || metaKey) {
      if (name === "y" || (name === "z" && shiftKey)) this.mask.redo();
      else if (name === "z") this.mask.undo();
      else return false;
    } else if (name in TOOLS) this.options.tool = TOOLS[name];
    else if (name === "[" || name === "]") resize(this.options, name === "]" ? STEP : 1 / STEP);
    else if (name === "delete" || name === "backspace") this.mask.clear();
    else return false;
    return true;
  }

  /** The base in these pixels, gone as far as they are painted. */
  draw({ left, top, right, bottom }) {
    if (!this.over) return;
    const [width, height] = [right - left, bottom - top];
    if (width < 1 || height < 1) return;
    const cover = new ImageData(width, height);
    const { data, width: across } = this.mask;
    for (let y = 0, to = 3; y < height; y += 1) {
      let at = (top + y) * across + left;
      for (let x = 0; x < width; x += 1, at += 1, to += 4) cover.data[to] = data[at];
    }
    const stencil = new OffscreenCanvas(width, height);
    stencil.getContext("2d").putImageData(cover, 0, 0);
    const context = this.canvas.getContext("2d");
    context.clearRect(left, top, width, height);
    context.drawImage(this.base, left, top, width, height, left, top, width, height);
    context.globalCompositeOperation = "destination-out";
    context.drawImage(stencil, left, top);
    context.globalCompositeOperation = "source-over";
  }
}
