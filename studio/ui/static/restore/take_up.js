// The settings of a picture, of a job or of a file come to the page, and the way back.

import {
  put,
  recover as recoverSource,
  snapshot as snapshotOf,
  sourceOf,
} from "../canvas/sources.js";
import * as units from "../control/units.js";
import { recover, restore, snapshot } from "../settings/form.js";
import { shownTab, showTab } from "../shared/tabs.js";
import { showTask } from "../shared/task.js";
import { showView, view } from "../shared/views.js";
import { seedsOf } from "../shared/words.js";
import { read } from "./reading.js";

const UNITS = "controlnet";
/** Tasks in which the size is not that of the picture. */
const OTHER_SIZES = ["outpaint", "upscale", "details"];
/** What says nothing of a thing in a picture, or differs from try to try. */
const OF_THE_WHOLE = [
  ...["width", "height", "batch_size", "seed", "variation_seed", "variation_strength"],
  ...["seed_resize_from_width", "seed_resize_from_height"],
  ...["controls", "detailers", "hires", "refiner", "tiling", "attention_maps"],
];
const WORDS = ["prompt", "negative_prompt", "styles", "loras"];

/** The tab and the view as they are, to be handed to `goBack` later. */
export const whereNow = () => ({ tab: shownTab(), view: view() });

export function goBack(from) {
  showTab(from.tab);
  showView(from.view);
}

/** Everything as it was when `picture` was asked for: its tab, its pictures, its settings. Of a
 * batch that one alone is wanted. `offer(words, undo)` tells it and gives the way back. */
export async function takeUp(picture, offer) {
  const { request } = picture;
  if (!request?.scheduler) throw new Error("The file of this picture holds no settings.");
  await takeUpAll({ ...request, ...seedsOf(picture), batch_size: 1 }, offer);
}

/** The same of a request as a whole, which ran: its prompts come as they were typed. */
export async function takeUpAll(request, offer) {
  await set({ ...request, ...(await typed(request)) }, offer);
}

/** `picture` to the tab Details, with the words and settings that draw what is found in it. */
export async function takeUpToDetail({ id, request }, offer) {
  const task = { kind: "details", image: `picture:${id}` };
  const own = { ...request, ...(await typed(request)), task };
  for (const name of OF_THE_WHOLE) delete own[name];
  await set(own, offer, { words: "Sent to Details, with its words and settings" });
}

/** The words of `request` as they were typed, where they were not as they ran. */
async function typed(request) {
  const {
    applied_styles: applied = [],
    prompt_template: prompt,
    negative_prompt_template: negative,
  } = request;
  if (!applied.length && (prompt ?? null) === null && (negative ?? null) === null) return {};
  const reading = await read(JSON.stringify(request)).catch(() => null);
  if (!reading || reading.missing.some(({ kind }) => kind === "lora")) return {};
  const known = WORDS.filter((name) => name in reading.form);
  return Object.fromEntries(known.map((name) => [name, reading.form[name]]));
}

/**
 * Put `request` into the form, its pictures where they belong, and show its task.
 * of.whole  what it does not say goes back to its default
 * of.words  what is told then
 */
export async function set(request, offer, { whole = false, words = "Settings set" } = {}) {
  const part = request.task ?? null;
  const from = whereNow();
  const hasUnits = Boolean(request.controls?.length);
  if (part?.kind === "text_to_image" && hasUnits) showTab(UNITS);
  else if (part) showTask(part.kind);
  const earlier = snapshot();
  const earlierUnits = units.snapshot();
  const source = part?.image ? snapshotOf(part.kind) : null;
  restore(request, { whole });
  let told = words;
  if (part?.image) {
    await takeUpPictures(request, part).catch((error) => {
      told = error.message;
    });
  }
  return offer(told, () => {
    if (source) recoverSource(part.kind, source);
    recover(earlier);
    units.recover(earlierUnits);
    goBack(from);
  });
}

async function takeUpPictures(
  { detailers, ...request },
  { kind, image, mask, sketch = null, ...rest },
) {
  showView("source");
  const { left, top, right, bottom, aspect_ratio: ratio } = rest;
  const frame = kind === "outpaint" && !ratio ? { left, top, right, bottom } : null;
  await put(kind, { ref: image, mask, frame, sketch }, { ask: false });
  const { width, height } = sourceOf(kind);
  const isOwnSize = request.width === roundedUp(width) && request.height === roundedUp(height);
  if (isOwnSize || OTHER_SIZES.includes(kind)) restore({ width: null, height: null });
  if (kind === "details") restore({ detailers }); // its numbers are of this picture
}

const roundedUp = (side) => 8 * Math.ceil(side / 8);
