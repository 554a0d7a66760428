// How the tools of a canvas are set, remembered by this browser, and the controls that set them.

import { read, write } from "../shared/store.js";

const DEFAULTS = {
  tool: "brush",
  sign: "add",
  size: 64,
  softness: 0,
  opacity: 100,
  pressure: true,
  step: 8,
  tolerance: 32,
  feather: 0,
  contiguous: true,
  detector: "", // the one that suits the checkpoint
  colour: "#e5484d",
  overlay: 55,
};
const SIZES = [1, 2000];

/** @typedef {typeof DEFAULTS} Values */

/** What is set by itself for each layer: mask, colours, and the part of a result that is kept. */
const OWN = ["tool", "sign", "size", "softness", "opacity"];
const KEYS = { mask: "canvas", colour: "canvas.colour", part: "canvas.part" };

/** The options as properties; setting one tells `onChange(name)`. */
export class Options {
  constructor() {
    this.layer = "mask";
    this.sets = {};
    for (const [layer, key] of Object.entries(KEYS)) {
      const kept = read(key, {});
      this.sets[layer] = { values: { ...DEFAULTS, ...kept }, suits: !("size" in kept) };
    }
    this.onChange = (/** @type {string} */ _name) => {};
    for (const name of Object.keys(DEFAULTS)) {
      Object.defineProperty(this, name, {
        get: () => this.setOf(name).values[name],
        set: (value) => this.set(name, value),
      });
    }
  }

  setOf(name) {
    return this.sets[OWN.includes(name) ? this.layer : "mask"];
  }

  set(name, value) {
    const own = this.setOf(name);
    own.values[name] = value;
    if (name === "size") own.suits = false;
    const { size, ...rest } = own.values;
    const layer = OWN.includes(name) ? this.layer : "mask";
    write(KEYS[layer], own.suits ? rest : own.values);
    this.onChange(name);
  }

  /** They are those of `layer`, one of KEYS, from now on. */
  use(layer) {
    this.layer = layer;
    this.onChange("layer");
  }

  /** Until somebody chooses a size of the brush it is in proportion to the picture. */
  suit({ width, height }) {
    for (const one of Object.values(this.sets)) {
      if (one.suits) one.values.size = Math.max(4, Math.round(Math.min(width, height) / 8));
    }
    this.onChange("size");
  }
}

/** Tie the controls of a bar to the options. Returns a function that shows their values. */
export function bindOptions(root, options) {
  const shows = [
    ...[...root.querySelectorAll(".canvas-slider")].map((one) => bindSlider(one, options)),
    bindChoice(root, "tool", options),
    bindChoice(root, "sign", options),
    bindChoice(root, "colour", options),
    bindStep(root.querySelector("[data-option=step]"), options),
    ...["pressure", "contiguous"].map((name) => bindCheck(root, name, options)),
  ];
  const other = root.querySelector("input[data-option=colour]");
  other?.addEventListener("input", () => (options.colour = other.value));
  return () => {
    for (const show of shows) show();
    if (other) other.value = options.colour;
    root.dataset.tool = options.tool;
    root.style.setProperty("--mask", options.colour);
  };
}

const isLog = (name) => name === "size";

export function bindSlider(element, options) {
  const name = element.dataset.option;
  const [track, box] = element.querySelectorAll("input");
  const [least, most] = isLog(name) ? SIZES : [Number(box.min), Number(box.max)];
  const toShare = (value) =>
    isLog(name)
      ? Math.log(value / least) / Math.log(most / least)
      : (value - least) / (most - least);
  const fromShare = (share) =>
    isLog(name) ? least * (most / least) ** share : least + share * (most - least);
  const set = (value) => {
    options[name] = Math.round(Math.min(most, Math.max(least, value)));
  };
  track.addEventListener("input", () => set(fromShare(track.value / 1000)));
  track.addEventListener("dblclick", () => set(DEFAULTS[name]));
  box.addEventListener("change", () => {
    if (box.value !== "" && Number.isFinite(Number(box.value))) set(Number(box.value));
    else box.value = options[name];
  });
  return () => {
    const share = toShare(options[name]);
    if (document.activeElement !== track) track.value = 1000 * share;
    track.style.setProperty("--fill", `${100 * share}%`);
    track.setAttribute("aria-valuetext", `${options[name]}`);
    box.value = options[name];
  };
}

/** Buttons with data-tool, data-sign or data-colour, of which one is pressed. */
export function bindChoice(root, name, options) {
  const buttons = [...root.querySelectorAll(`button[data-${name}]`)];
  for (const button of buttons) {
    button.addEventListener("click", () => (options[name] = button.dataset[name]));
  }
  return () => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset[name] === options[name]));
    }
  };
}

function bindStep(box, options) {
  if (!box) return () => {};
  box.addEventListener("change", () => {
    options.step = Math.min(64, Math.max(1, Math.round(Number(box.value)) || DEFAULTS.step));
  });
  return () => (box.value = options.step);
}

function bindCheck(root, name, options) {
  const box = root.querySelector(`input[data-option=${name}]`);
  if (!box) return () => {};
  box.addEventListener("change", () => (options[name] = box.checked));
  return () => (box.checked = options[name]);
}
