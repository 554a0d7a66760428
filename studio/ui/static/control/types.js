// What there is to control with: the preprocessors as the server knows them, what a ControlNet's map
// shows, and weights on their way here.

import { modelNamed } from "../shared/models.js";
import { get, send } from "../shared/server.js";
import { signal } from "../shared/signals.js";

const POLL_MS = 400;
const known = signal(null); // {preprocessors, control_types}
let looking = null;
let timer = 0;

/** Call `listener()` whenever more is known of the preprocessors. */
export const onPreprocessors = known.on;

/** All of them, in the order of menus; empty until the first answer. */
export const preprocessors = () => known.value?.preprocessors ?? [];
export const preprocessor = (name) => preprocessors().find((one) => one.name === name);
export const typeTitle = (type) =>
  known.value?.control_types?.[type]?.title ?? type.charAt(0).toUpperCase() + type.slice(1);

/** Ask the server; again and again while something is downloaded. */
export function look() {
  looking ??= fetched().finally(() => {
    looking = null;
  });
  return looking;
}

async function fetched() {
  const answer = await get("studio/v1/preprocessors").catch(() => null);
  if (!answer) return;
  known.value = answer;
  clearTimeout(timer);
  if (preprocessors().some(isComing)) timer = setTimeout(look, POLL_MS);
}

/** Are its weights on their way? */
export const isComing = (one) => Boolean(one.downloading && !one.downloading.error);

export async function download(name) {
  await send("POST", `studio/v1/preprocessors/${encodeURIComponent(name)}/download`);
  await look();
}

/** @type {[string, RegExp][]} */
const WORDS = [
  ["canny", /canny/],
  ["depth", /depth|midas|zoe/],
  ["normal", /normal/],
  ["openpose", /pose/],
  ["mlsd", /mlsd/],
  ["lineart", /line[-_ ]?art/],
  ["softedge", /soft[-_ ]?edge|pidi|(^|[^a-z])hed([^a-z]|$)/],
  ["scribble", /scribble|sketch/],
  ["segmentation", /seg/],
  ["shuffle", /shuffle/],
  ["tile", /tile|blur/],
  ["inpaint", /inpaint/],
  ["recolor", /recolou?r|color/],
  ["instruct", /ip2p|pix2pix|instruct/],
];

/** The types of maps that a ControlNet reads: told by itself, or by its name; [] where neither is. */
export function typesOf(name) {
  const declared = modelNamed("controlnet", name)?.control_types ?? [];
  if (declared.length) return declared;
  const found = WORDS.find(([, words]) => words.test((name ?? "").toLowerCase()));
  return found ? [found[0]] : [];
}

/** Does it have to be told what its map shows? */
export const isUnion = (name) => modelNamed("controlnet", name)?.architecture === "union";

/** Is the picture itself what it takes, as words are taken, and no map of it? */
export const isPrompt = (name) => modelNamed("controlnet", name)?.architecture === "ip_adapter";

const isForAll = (one) => one.control_types.length >= Object.keys(known.value.control_types).length;

/** The preprocessors in groups [title, [...]]: those first whose map suits `types`. */
export function grouped(types) {
  const all = preprocessors();
  const general = all.filter(isForAll);
  const suits = (one) => !isForAll(one) && one.control_types.some((type) => types.includes(type));
  const fitting = all.filter(suits).sort((a, b) => isFirst(b, types) - isFirst(a, types));
  const groups = [["", general]];
  if (fitting.length) groups.push(["Fits the ControlNet", fitting]);
  for (const one of all) {
    if (isForAll(one) || fitting.includes(one)) continue;
    const title = typeTitle(one.group || one.control_types[0]);
    const group = groups.find(([name]) => name === title);
    if (group) group[1].push(one);
    else groups.push([title, [one]]);
  }
  return groups;
}

const isFirst = (one, types) => Number(known.value.control_types[types[0]]?.default === one.name);

/** The one to begin with for a ControlNet: its type's own, else the first that can run. */
export function firstFor(types) {
  const fitting = grouped(types).find(([title]) => title === "Fits the ControlNet")?.[1] ?? [];
  return (fitting.find((one) => one.ready) ?? fitting[0])?.name ?? "none";
}
