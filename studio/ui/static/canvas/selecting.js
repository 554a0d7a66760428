// Selecting by a click, into the mask: what is like the pixel under the pointer, or the thing that a
// segmenter or detector finds there.

import { familyOf } from "../settings/choices.js";
import { onChange, value } from "../settings/form.js";
import { areKnown, detectorNamed, detectors, look, onDetectors } from "../shared/detectors.js";
import { make } from "../shared/dom.js";
import { send } from "../shared/server.js";
import { onTask, task } from "../shared/task.js";
import { percent } from "../shared/words.js";
import { alike, feathered, select } from "./flood.js";
import { maskAt } from "./uploads.js";

const TOOLS = ["select", "object"];
const NO_DETECTOR =
  "needs a detector that fits the checkpoint: a YOLO network (.onnx) in a folder of models, or the " +
  "one for faces, which the Details tab downloads";

export class Selecting {
  /** `say(words, stays)` speaks to the artist. */
  constructor({ root, view, source, options, say }) {
    this.view = view;
    this.source = source;
    this.options = options;
    this.say = say;
    this.world = root.querySelector(".canvas-world");
    this.button = root.querySelector("[data-tool=object]");
    this.menu = root.querySelector(".canvas-detector select");
    this.seen = { url: null, picture: null }; // the picture's pixels, once they were asked for
    this.menu.addEventListener("change", () => (options.detector = this.menu.value));
    const show = () => this.show();
    onDetectors(show);
    onChange(show);
    onTask(() => this.learn());
    this.learn();
    this.show();
  }

  /** What there is to select with is asked for whenever the tab is opened. */
  learn() {
    if (task() === this.source.kind) look();
  }

  show() {
    const detector = this.detector();
    const why = areKnown() ? NO_DETECTOR : "waits to hear which detectors there are";
    this.button.disabled = !detector;
    this.button.title = detector ? `Object (O): by ${detector}` : `Object ${why}`;
    const there = detectors().filter(({ installed }) => installed);
    const names = ["", ...there.map(({ name }) => name)];
    if (this.menu.dataset.names !== names.join("\n")) {
      this.menu.dataset.names = names.join("\n");
      const entry = (name) => make("option", { value: name, textContent: name || "Automatic" });
      this.menu.replaceChildren(...names.map(entry));
    }
    this.menu.value = names.includes(this.options.detector) ? this.options.detector : "";
  }

  /** The name of the one that Object asks: the artist's choice, or what suits the checkpoint; null
   * for none. */
  detector() {
    const chosen = detectorNamed(this.options.detector);
    if (chosen?.installed) return chosen.name;
    const isOurs = familyOf(value("checkpoint")) === "picturebook";
    const kinds = isOurs ? ["segmenter"] : ["yolo", "faces"];
    const suits = (kind) => detectors().find((one) => one.installed && one.kind === kind);
    return kinds.map(suits).find(Boolean)?.name ?? null;
  }

  /** What a press begins; null where another tool is chosen. */
  begin(event) {
    const { tool } = this.options;
    const { mask } = this.source;
    if (!mask || !TOOLS.includes(tool)) return null;
    const [x, y] = this.view.toPicture(event.clientX, event.clientY).map(Math.floor);
    const isInside = x >= 0 && y >= 0 && x < mask.width && y < mask.height;
    const target = this.target(event);
    const take = tool === "select" ? this.byColour : this.byThing;
    return {
      move: () => {},
      end: () => isInside && take.call(this, x, y, target),
      cancel: () => {},
    };
  }

  /** Shift adds, Alt and the right button do the opposite of what the bar says. */
  target(event) {
    if (event.shiftKey) return 255;
    const turned = event.altKey || event.button === 2 || event.button === 5;
    return (this.options.sign === "remove") === turned ? 255 : 0;
  }

  byColour(x, y, target) {
    const { tolerance, contiguous } = this.options;
    this.put(alike(this.pixels(), x, y, { tolerance, contiguous }), target);
  }

  async byThing(x, y, target) {
    const detector = this.detector();
    const { mask, picture } = this.source;
    if (!detector) {
      this.say(`Object ${NO_DETECTOR}.`);
      return;
    }
    this.say("Looking at what is there", true);
    try {
      const asked = { image: picture.image, x, y, detector };
      const found = await send("POST", "studio/v1/select", asked);
      const { data } = await maskAt(found.mask);
      if (this.source.mask !== mask) return this.say("");
      this.put(data, target);
      const outline = found.outlined ? "" : `; ${detector} knows no outlines`;
      this.say(`${found.label}, ${percent(found.score)} sure${outline}`);
    } catch (error) {
      this.say(error.message);
    }
  }

  put(bytes, target) {
    const { mask, picture } = this.source;
    select(mask, feathered(bytes, picture.width, picture.height, this.options.feather), target);
  }

  /** {width, height, data} of the picture, RGBA. */
  pixels() {
    const { url, width, height } = this.source.picture;
    if (this.seen.url !== url) {
      const canvas = make("canvas", { width, height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(this.world.querySelector("img"), 0, 0, width, height);
      this.seen = { url, picture: context.getImageData(0, 0, width, height) };
    }
    return this.seen.picture;
  }
}
