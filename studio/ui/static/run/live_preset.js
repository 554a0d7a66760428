// What is drawn while somebody paints: the request of the page by fewer steps. Knows no page.

/** What of a preset is laid over the page's settings. The rest, as sizes, is the picture's own. */
const SAMPLING = [
  "scheduler",
  "noise_schedule",
  "steps",
  "guidance_scale",
  "guidance_rescale",
  "eta",
];

/** Names of models that need few steps, and how the presets for them are called. */
const DISTILLED = [
  [/lcm/i, /^LCM/],
  [/hyper/i, /^Hyper-SD/],
  [/dmd2/i, /^DMD2/],
  [/lightning/i, /Lightning/],
  [/turbo/i, /Turbo/],
];
const QUICK = [/, live$/, /, fast$/];

const steps = ({ request }) => request.steps ?? Number.POSITIVE_INFINITY;

/** Of `presets` the one that suits models of `names` (a checkpoint, LoRAs) and the checkpoint's
 * `family` best: for those that need few steps their own, else the quickest of the family; null where
 * there is none. */
export function fitting(presets, family, names) {
  const mine = presets.filter((one) => !one.family || one.family === family);
  const quickest = (found) => found.toSorted((a, b) => steps(a) - steps(b))[0] ?? null;
  for (const [model, preset] of DISTILLED) {
    if (!names.some((name) => model.test(name))) continue;
    const own = quickest(mine.filter(({ name }) => preset.test(name)));
    if (own) return own;
  }
  const ofFamily = mine.filter((one) => one.family === family);
  for (const ends of QUICK) {
    const own = quickest(ofFamily.filter(({ name }) => ends.test(name)));
    if (own) return own;
  }
  return null;
}

/** `request` as it is drawn while somebody paints: one picture with the sampling of `preset` (null: its
 * own) and the LoRAs that this needs, and with `seed` where it leaves that open. What comes after a
 * drawing is left out. */
export function lightened(request, preset, seed) {
  const own = Object.entries(preset?.request ?? {}).filter(([name]) => SAMPLING.includes(name));
  const loras = request.loras ?? [];
  const needed = (preset?.request.loras ?? []).filter(
    ({ name }) => !loras.some((one) => one.name === name),
  );
  return {
    ...request,
    ...Object.fromEntries(own),
    loras: [...loras, ...needed],
    seed: request.seed === -1 ? seed : request.seed,
    batch_size: 1,
    hires: null,
    refiner: null,
    detailers: [],
    attention_maps: false,
  };
}

/** Names of the LoRAs that a prompt has, as in <lora:name:0.8>. */
export const lorasIn = (prompt) => [...prompt.matchAll(/<lora:([^:>]+)/gi)].map(([, name]) => name);
