// What the status line says.

const seconds = (s) => (s < 9.95 ? `${s.toFixed(1)} s` : `${Math.round(s)} s`);

export function duration(s) {
  if (s < 99.5) return seconds(s);
  return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** `engine` is the state of the engine, which takes a while to start. */
export function waitingWords(position, engine) {
  if (position) return `${position} before you`;
  if (engine === "starting") return "Next, as soon as the studio has started";
  if (engine === "loading") return "Next, as soon as the model is loaded";
  return "Next in line";
}

export function runningWords({ step = 0, total, eta_s: eta, pass_number: pass, passes = 1 }) {
  if (!total) return "Starting";
  const left = eta === undefined || eta === null ? "" : ` · ${duration(eta)} left`;
  const which = passes > 1 ? ` · pass ${pass} of ${passes}` : "";
  return `Step ${step}/${total}${which}${left}`;
}

/** "Loading dreamshaper-8 … 62 %": of a stage "dreamshaper-8: unet" the part before the colon. */
export function loadingWords({ stage, fraction }) {
  const share = fraction ? ` … ${percent(fraction)}` : "";
  return `Loading ${stage?.split(": ")[0] || "the model"}${share}`;
}

/**
 * The settings that make the noise of one picture of a batch, as of one that is drawn alone.
 * @returns {Record<string, number>}
 */
export function seedsOf({ seed, request, variation_seed: told }) {
  const { variation_strength: strength, variation_seed: first, batch_place: place } = request;
  if (!strength) return { seed };
  const variation = told ?? first + (place ?? 0);
  return { seed, variation_seed: variation, variation_strength: strength };
}

/** Or is it but an enlarged picture? */
export const isDrawn = ({ task }) => task?.kind !== "upscale" || task.refine;

/** Seed, size and settings of one picture, as far as they are known. */
export function facts(picture, [width, height]) {
  const { request } = picture;
  if (!isDrawn(request)) return `Enlarged · ${width} × ${height}`;
  const { seed, variation_seed: variation } = seedsOf(picture);
  const seeds = variation === undefined ? `${seed}` : `${seed}, variation ${variation}`;
  const { scheduler, steps, guidance_scale: guidance, approximate } = request;
  const known = scheduler ? [scheduler, `${steps} steps`, `CFG ${guidance}`] : [];
  if (approximate) known.push("approximate");
  return [`Seed ${seeds}`, `${width} × ${height}`, ...known].join(" · ");
}

/** When a picture of the library was made, and by whom, if that is told. */
export function madeWords({ created, owner }) {
  const time = new Date(created).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  return owner ? `${time} · ${owner}` : time;
}

/** The models that a picture was made with: "dreamshaper-8 · detail 0.8". */
export function ownModels({ checkpoint, loras = [], controls = [], detailers = [], task }) {
  if (!isDrawn({ task })) return [task.upscaler, task.upscaler_2].filter(Boolean).join(" · ");
  return [
    task?.kind === "upscale" && task.upscaler,
    checkpoint,
    ...loras.map(({ name, weight }) => `${name} ${weight}`),
    ...controls.map(({ controlnet }) => controlnet),
    task?.kind === "upscale" && task.tile_control_scale && task.tile_controlnet,
    ...detailers.filter(({ active }) => active).map(({ detector }) => detector),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What was measured where nothing was to change; no words for a picture without a mask. */
export function promise(picture) {
  const most = picture?.outside_mask_max_difference;
  if (most === undefined || most === null) return { words: "", isKept: true };
  const wheres = { outpaint: "Inside the old picture", details: "Outside the details" };
  const where = wheres[picture.request.task.kind] ?? "Outside the mask";
  const words = most === 0 ? "unchanged" : `changed by up to ${most} of 255`;
  return { words: `${where}: ${words}`, isKept: most === 0 };
}

/** Kinds of models, as many and as one. */
export const KIND_NAMES = {
  checkpoint: "Checkpoints",
  lora: "LoRAs",
  embedding: "Embeddings",
  vae: "VAEs",
  tiny_vae: "Preview VAEs",
  controlnet: "ControlNets",
  text_encoder: "Text encoders",
  image_encoder: "Image encoders",
  upscaler: "Upscalers",
};

export const kindName = (kind) => (KIND_NAMES[kind] ?? kind).replace(/s$/, "");

export function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e8 ? 0 : 1)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}
