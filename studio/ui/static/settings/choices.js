// The menus of models: which checkpoint draws, which VAE turns latents into pixels.

import { data } from "../shared/data.js";
import { look, models, onModels } from "../shared/models.js";
import { opens } from "../shared/picker.js";
import { warmNames } from "../shared/status.js";
import { enableWithItsRecord } from "./fields.js";
import { onChange, register, value } from "./form.js";

const AUTOMATIC = "Automatic";
/** What is said of a model that is left open. */
const OPEN = {
  checkpoint: "No checkpoint",
  vae: AUTOMATIC,
  hires_checkpoint: "Use same checkpoint",
  refiner_checkpoint: "None",
  upscaler: AUTOMATIC,
  upscaler_2: "None",
  tile_controlnet: AUTOMATIC,
};

/** What enlarges without a network. */
const PIXELS = ["Lanczos", "Nearest"];
const LATENTS = ["Latent", "Latent (bicubic)", "Latent (nearest-exact)"];

const KINDS = {
  checkpoint: {
    options: () => data.checkpoints.map(checkpointOption),
    empty: "No checkpoint was found. Start the studio with --models-dir FOLDER.",
    placeholder: "Search checkpoints",
  },
  hires_checkpoint: further("hires_checkpoint"),
  refiner_checkpoint: further("refiner_checkpoint"),
  hires_upscaler: upscalers(() => [...LATENTS.map(plain), ...PIXELS.map(plain)]),
  upscaler: upscalers(() => [open("upscaler"), ...PIXELS.map(plain)]),
  upscaler_2: upscalers(() => [open("upscaler_2"), ...PIXELS.map(plain)]),
  tile_controlnet: {
    options: () => [
      { ...open("tile_controlnet"), detail: "The first for tiles" },
      ...fitting("controlnet"),
    ],
    empty: "No ControlNet was found.",
    placeholder: "Search ControlNets",
  },
  vae: {
    options: () => [{ ...open("vae"), detail: "The checkpoint's own" }, ...fitting("vae")],
    empty: "No VAE was found.",
    placeholder: "Search VAEs",
  },
};

export function choice(element) {
  const button = element.querySelector("button.choice");
  const words = button.querySelector("span");
  const name = element.dataset.field;
  const one = register(element, (value) => {
    words.textContent = value ?? OPEN[name];
    words.title = words.textContent;
  });
  opens(button, {
    ...KINDS[name],
    choose: (value) => one.set(value),
    current: () => one.value,
    before: look,
  });
  if (name === "checkpoint") {
    onModels(() => one.set(one.value)); // its defaults may have been changed
    button.disabled = data.checkpoints.length === 0;
  }
  enableWithItsRecord(one);
}

/** What is left open, as an entry. */
function open(name) {
  return { value: null, label: OPEN[name], detail: "" };
}

function plain(name) {
  return { value: name, label: name, detail: "" };
}

/** The networks that enlarge, after what needs none. */
function upscalers(first) {
  const detail = (ref) => [ref.architecture, ref.scale && `×${ref.scale}`];
  const network = (ref) => ({
    ...plain(ref.name),
    detail: detail(ref).filter(Boolean).join(" · "),
  });
  return {
    options: () => [...first(), ...models("upscaler").map(network)],
    empty: "No upscaler was found.",
    placeholder: "Search upscalers",
  };
}

/** A checkpoint that goes on with what another has drawn. */
function further(name) {
  return {
    options: () => [open(name), ...data.checkpoints.map(checkpointOption)],
    empty: "No checkpoint was found.",
    placeholder: "Search checkpoints",
  };
}

function checkpointOption(ref) {
  const warm = warmNames().includes(ref.name);
  const parts = [ref.family, ref.task === "base" ? null : ref.task, ref.short_hash];
  return {
    value: ref.name,
    label: ref.name,
    detail: parts.filter(Boolean).join(" · "),
    mark: warm ? "warm" : "",
  };
}

/** Those of a `kind`, and what speaks against each beside the checkpoint. */
function fitting(kind) {
  const family = familyOf(value("checkpoint"));
  return models(kind).map((ref) => ({
    ...plain(ref.name),
    detail: [ref.family, ref.short_hash].filter(Boolean).join(" · "),
    why: unfit(ref, family),
  }));
}

export const familyOf = (checkpoint) =>
  data.checkpoints.find((ref) => ref.name === checkpoint)?.family ?? null;

/** Why `ref` does not go with checkpoints of `family`; "" if it may. */
export function unfit(ref, family) {
  if (!ref.fits || !family || ref.fits.includes(family)) return "";
  return `made for ${ref.family}, the checkpoint is ${family}`;
}

/** Call `listener()` when the checkpoint or the models changed. */
export function onFit(listener) {
  onModels(listener);
  onChange((name) => name === "checkpoint" && listener());
}
