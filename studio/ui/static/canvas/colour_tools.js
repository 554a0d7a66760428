// What a canvas has for painting colours over its picture: which layer the tools work on, the colour,
// those used last, the eyedropper, and what is done with the sketch as a whole.

import { make } from "../shared/dom.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";
import { coloursOf } from "./colour.js";
import { ColourOverlay } from "./colour_overlay.js";
import { ColourPaint } from "./colour_paint.js";
import { pngOf } from "./png.js";

const FIRST = ["#3b82f6", "#30a46c", "#f5a524", "#e5484d", "#7c4a2a", "#ffffff", "#111111"];
/** What the mask's keys do while colours are painted. */
const KEYS = { "mask-clear": "colour-clear" };
const COLOUR = "colour";

const toBytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const toHex = (rgb) => `#${rgb.map((one) => one.toString(16).padStart(2, "0")).join("")}`;

/** The colour that is painted with, and those that were, of all canvases. */
const palette = signal(read("colours", { now: FIRST[0], recent: FIRST }));
palette.on(() => write("colours", palette.value));

function choose(colour) {
  palette.value = { ...palette.value, now: colour };
}

/** It was painted with: it stands among the others, first if it is new. */
function used() {
  const { now, recent } = palette.value;
  if (recent.includes(now)) return;
  palette.value = { now, recent: [now, ...recent].slice(0, FIRST.length) };
}

export class ColourTools {
  /** Of the canvas of `source`. Where that has a mask the tools work on either; else on colours, or
   * they are put away. */
  constructor(root, { view, source, options }) {
    this.root = root;
    this.source = source;
    this.options = options;
    this.base = source.hasMask ? "mask" : "";
    this.world = root.querySelector(".canvas-world");
    const canvas = make("canvas", { className: "colour-layer", hidden: true });
    this.world.querySelector("img").after(canvas);
    this.overlay = new ColourOverlay(canvas);
    this.paint = new ColourPaint(root, view, options, {
      pick: (rgb) => choose(toHex(rgb)),
      colour: () => toBytes(palette.value.now),
      at: (x, y) => this.seen(x, y),
    });
    this.bind();
    this.turnTo(read(`layer.${source.kind}`, this.base));
  }

  get isOn() {
    return this.layer === COLOUR;
  }

  /** What is painted over the picture; null without a picture. */
  get colours() {
    return this.source.picture && coloursOf(this.source.picture);
  }

  bind() {
    this.well = this.root.querySelector(".colour-well");
    this.recent = this.root.querySelector(".colour-recent");
    this.button = this.root.querySelector(".colour-toggle");
    this.button.addEventListener("click", () => this.toggle());
    this.well.addEventListener("input", () => choose(this.well.value));
    palette.on(() => this.showPalette());
    this.showPalette();
  }

  /** The tools work on `layer` from now on. */
  turnTo(layer) {
    this.layer = layer;
    this.root.dataset.layer = this.layer;
    write(`layer.${this.source.kind}`, this.layer);
    this.button.setAttribute("aria-pressed", String(this.isOn));
    this.options.use(this.isOn || !this.base ? COLOUR : "mask");
  }

  /** True, with a picture to paint over. */
  toggle() {
    if (this.source.picture) this.turnTo(this.isOn ? this.base : COLOUR);
    return this.source.picture !== null;
  }

  showPalette() {
    const { now, recent } = palette.value;
    this.well.value = now;
    const swatch = (colour) =>
      make("button", {
        "type": "button",
        "title": colour,
        "aria-label": `Colour ${colour}`,
        "aria-pressed": String(colour === now),
        "style": `--colour: ${colour}`,
        "onclick": () => choose(colour),
      });
    this.recent.replaceChildren(...recent.map(swatch));
  }

  /** What a press of the pointer begins; null where the tools work on something else. */
  begin(event) {
    if (!this.isOn || !this.colours) return null;
    this.paint.take(this.colours.paper());
    this.viewed();
    const { tool } = this.options;
    const act = this.paint.begin(event);
    const end = () => {
      act.end();
      if (tool === "pick") this.options.tool = "brush";
      else if (!this.paint.layer.erases) used();
    };
    return act && { ...act, end };
  }

  /** The colour of a pixel as it is seen: the sketch over the picture. */
  seen(x, y) {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.drawImage(this.world.querySelector("img"), -x, -y);
    const below = context.getImageData(0, 0, 1, 1).data;
    const [red, green, blue, alpha] = this.colours.layer.at(x, y);
    return [red, green, blue].map((one, channel) =>
      Math.round((one * alpha + below[channel] * (255 - alpha)) / 255),
    );
  }

  /** The picture or what is painted over it changed. */
  show() {
    const colours = this.colours;
    for (const name of ["colour-mask", "colour-clear", "colour-download"]) {
      const button = this.root.querySelector(`[data-do=${name}]`);
      if (button) button.disabled = !colours?.layer?.alpha.total;
    }
    this.viewed();
  }

  /** The canvas may have come into sight. */
  viewed() {
    const layer = this.colours?.layer ?? null;
    if (this.overlay.isBehind(layer) && this.root.checkVisibility()) this.overlay.show(layer);
  }

  /** The steps that can be undone beside those of the mask. */
  get steps() {
    return this.colours?.layer ? [this.colours.layer] : [];
  }

  /** What a key does while colours are painted. */
  meant(name) {
    return this.isOn ? (KEYS[name] ?? name) : name;
  }

  /** The sketch as a file. */
  png() {
    const { width, height, planes } = this.colours.layer;
    return pngOf({ width, height, planes: planes.map(({ data }) => data) });
  }
}
