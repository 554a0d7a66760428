// The sheet that control pictures are drawn on, over the whole page.

import { Changes } from "../canvas/changes.js";
import { ColourPaint } from "../canvas/colour_paint.js";
import { bindCanvasKeys } from "../canvas/keys.js";
import { Layer } from "../canvas/layer.js";
import { bindChoice, bindSlider } from "../canvas/options.js";
import { Pointers } from "../canvas/pointers.js";
import { FOOT, View } from "../canvas/view.js";
import { zoomActions } from "../canvas/zooming.js";
import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { live, toggleLive } from "../shared/live.js";
import { ask } from "../shared/server.js";
import { signal } from "../shared/signals.js";

const MOST_COLOURS = 32;
const WHITE = "#ffffff";

let shared = null;
/** Is the sheet in sight? */
const sheet = signal(false);

export const isSheetOpen = () => sheet.value;
/** Call `listener()` when the sheet comes or goes. */
export const onSheet = sheet.on;

export function controlEditor(dialog) {
  shared = new Editor(dialog);
}

/**
 * Draw; comes true with a PNG, or null if it was cancelled.
 * title, hint      words
 * width, height    of the sheet in pixels
 * start            what is on it, its address or a Blob; null: an empty sheet, all `back`, [r, g, b]
 * under            address of a picture that may show through; null: none
 * through          how much of it shows at first, in percent
 * palette          [{name, colour}] to choose from; null: the colours that `start` has
 * isHard           colours are not mixed
 * colours          false: white alone
 * drawn            is told of a PNG of the sheet after every step, while what is drawn is shown live
 */
export function edit(of) {
  return shared.open(of);
}

const toBytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const toHex = (rgb) => `#${rgb.map((one) => one.toString(16).padStart(2, "0")).join("")}`;

/** How the tools are set; `onChange()` hears of it. */
class Options {
  constructor() {
    this.values = { tool: "brush", size: 16 };
    Object.assign(this, { sign: "add", softness: 0, opacity: 100, pressure: true });
    this.onChange = () => {};
  }

  get tool() {
    return this.values.tool;
  }

  set tool(tool) {
    this.values.tool = tool;
    this.onChange();
  }

  get size() {
    return this.values.size;
  }

  set size(size) {
    this.values.size = size;
    this.onChange();
  }
}

class Editor {
  constructor(dialog) {
    this.dialog = dialog;
    this.root = dialog.querySelector(".control-sheet");
    this.port = this.root.querySelector(".canvas-port");
    this.canvas = this.root.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.changes = new Changes((box) =>
      this.context.putImageData(this.layer.pixels(box), box.left, box.top),
    );
    this.note = this.root.querySelector(".canvas-note");
    this.palette = this.root.querySelector(".control-palette");
    this.wheel = this.root.querySelector("input[type=color]");
    this.under = this.root.querySelector(".control-under");
    this.options = new Options();
    this.colour = WHITE;
    this.view = new View(this.port, this.root.querySelector(".canvas-world"), { foot: FOOT });
    this.view.onChange = () => this.viewed();
    this.paint = new ColourPaint(this.root, this.view, this.options, {
      pick: (rgb) => this.choose(toHex(rgb)),
      colour: () => toBytes(this.colour),
    });
    this.pointers = new Pointers(this.port, this.view, {
      begin: (event) => (this.layer ? this.paint.begin(event) : null),
    });
    this.bindTools();
    this.bindButtons();
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    dialog.addEventListener("close", () => {
      sheet.value = false;
      this.answer?.(null);
    });
    live.on(() => this.tell());
  }

  bindTools() {
    const shows = [
      bindSlider(this.root.querySelector("[data-option=size]"), this.options),
      bindChoice(this.root, "tool", this.options),
    ];
    this.options.onChange = () => {
      for (const show of shows) show();
      this.root.dataset.tool = this.options.tool;
      const pick = this.root.querySelector("[data-do=pick]");
      pick.setAttribute("aria-pressed", String(this.options.tool === "pick"));
      this.paint.refresh();
    };
    this.options.onChange();
    this.wheel.addEventListener("input", () => this.choose(this.wheel.value));
    const through = this.under.querySelector("input");
    through.addEventListener("input", () => this.see(through.value));
  }

  /** Let so many percent of the picture below show through. */
  see(percent) {
    const through = this.under.querySelector("input");
    through.value = percent;
    this.canvas.style.opacity = 1 - percent / 100;
    through.style.setProperty("--fill", `${(100 * percent) / through.max}%`);
  }

  bindButtons() {
    const acts = {
      "undo": () => this.layer.undo(),
      "redo": () => this.layer.redo(),
      "clear": () => this.layer.clear(),
      "pick": () => (this.options.tool = "pick"),
      ...zoomActions(this.view),
      "leave": () => this.leave(),
      "take": () => this.take(),
    };
    this.root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) acts[button.dataset.do]?.();
    });
    for (const name of ["full-screen", "keys"])
      this.root.querySelector(`[data-do=${name}]`).hidden = true;
    bindCanvasKeys({
      root: this.root,
      port: this.port,
      view: this.view,
      pointers: this.pointers,
      options: this.options,
      act: (name) => {
        const isKnown = name in acts;
        if (isKnown && !this.root.querySelector(`[data-do=${name}]`).disabled) acts[name]();
        return isKnown;
      },
      closePanels: () => false,
    });
    this.dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the page's own keys are not for the sheet
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key === "p" && isPlain) this.options.tool = "pick";
      if (event.key === "v" && isPlain) toggleLive();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.take();
    });
  }

  async open(of) {
    const { title, hint, width, height, under, start, back } = of;
    const rgba = start ? await pixelsOf(start, width, height) : null;
    const isHard = of.isHard ?? false;
    this.layer = new Layer(width, height, { rgba, back, isHard });
    this.layer.onPaint = this.changes.add;
    this.layer.onCommit = () => {
      this.show();
      this.tell();
    };
    this.drawn = of.drawn ?? null;
    Object.assign(this.canvas, { width, height });
    this.changes.forget();
    this.changes.add(0, 0, width, height);
    this.paint.take(this.layer);
    this.showUnder(under, width, height);
    this.see(under ? (of.through ?? 0) : 0);
    this.dialog.setAttribute("aria-label", title);
    this.port.setAttribute("aria-label", `${title}, ${width} × ${height} pixels`);
    this.note.textContent = hint;
    setTimeout(
      () => (this.note.textContent = this.note.textContent === hint ? "" : this.note.textContent),
      8000,
    );
    this.showPalette(of.palette ?? (rgba && of.colours ? coloursOf(rgba) : []), of.colours);
    this.options.size = Math.max(
      3,
      Math.round(Math.min(width, height) / (of.palette || of.through ? 12 : 40)),
    );
    this.options.tool = "brush";
    this.dialog.showModal();
    sheet.value = true;
    this.view.show({ left: 0, top: 0, right: width, bottom: height });
    this.port.focus({ preventScroll: true });
    this.show();
    return new Promise((done) => {
      this.answer = done;
    });
  }

  showUnder(url, width, height) {
    const image = this.root.querySelector(".canvas-world img");
    image.hidden = !url;
    this.under.hidden = !url;
    if (!url) image.removeAttribute("src");
    else image.src = address(url);
    Object.assign(image.style, { width: `${width}px`, height: `${height}px`, objectFit: "cover" });
  }

  showPalette(colours, hasColours) {
    this.palette.hidden = colours.length === 0;
    this.root.querySelector(".control-colours").hidden = !hasColours;
    const swatch = ({ name, colour }) => {
      const chip = make("i");
      chip.style.background = colour;
      return make(
        "button",
        {
          "type": "button",
          "className": "control-swatch",
          "title": name ?? colour,
          "data-swatch": colour,
          "aria-label": name ?? colour,
          "onclick": () => this.choose(colour),
        },
        chip,
        name ? make("span", { textContent: name }) : null,
      );
    };
    this.palette.replaceChildren(...colours.map(swatch));
    const first = colours.find(({ colour }) => colour !== toHex(this.layer.back));
    this.choose(hasColours && first ? first.colour : WHITE);
  }

  choose(colour) {
    this.colour = colour;
    this.wheel.value = colour;
    for (const button of this.palette.children) {
      button.setAttribute("aria-pressed", String(button.dataset.swatch === colour));
    }
    if (this.options.tool === "eraser") this.options.tool = "brush";
  }

  show() {
    this.root.querySelector("[data-do=undo]").disabled = this.layer.past.length === 0;
    this.root.querySelector("[data-do=redo]").disabled = this.layer.future.length === 0;
  }

  viewed() {
    this.root.querySelector(".canvas-percent").textContent =
      `${Math.round(100 * this.view.zoom)} %`;
    this.paint?.refresh();
  }

  /** What is drawn is not thrown away by a slip. */
  leave() {
    if (this.layer.past.length > 0 && !this.isSure) {
      this.isSure = true;
      this.note.textContent = "Cancel once more to throw away what you drew, or press Use it.";
      setTimeout(() => (this.isSure = false), 4000);
      return;
    }
    this.close(null);
  }

  async take() {
    this.layer.cover.commit();
    this.close(await this.png());
  }

  /** What is drawn so far, where it is shown live. */
  async tell() {
    if (live.value && sheet.value && this.layer.past.length > 0) this.drawn?.(await this.png());
  }

  png() {
    this.changes.flush();
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }

  close(blob) {
    this.isSure = false;
    this.answer?.(blob);
    this.answer = null;
    this.dialog.close();
  }
}

/** The pixels of a picture, stretched over `width` × `height` without mixing them. */
async function pixelsOf(start, width, height) {
  const blob = start instanceof Blob ? start : await fetched(start);
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height).data;
}

async function fetched(url) {
  const answer = await ask(url, { cache: "default" }).catch(() => {
    throw new Error("What is to be drawn on cannot be loaded (any more).");
  });
  return answer.blob();
}

/** The colours of a picture that has few, the most frequent first; [] where they are many. */
function coloursOf(rgba) {
  const words = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  const counts = new Map();
  for (const word of words) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
    if (counts.size > MOST_COLOURS) return [];
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([word]) => ({
    colour: toHex([word & 255, (word >> 8) & 255, (word >> 16) & 255]),
  }));
}
