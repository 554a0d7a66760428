// What the tools begin with, as the rest of the page knows it: the picture that is worked on (see
// working.js) or one of their own, and what each does to it. A kind is the name of a task:
// image_to_image, inpaint, outpaint, upscale, details.

import { targetOf } from "../shared/dom.js";
import { signal } from "../shared/signals.js";
import { read } from "../shared/store.js";
import { canvasOf, EDITING, isSketched, task } from "../shared/task.js";
import { coloursOf, onColours } from "./colour.js";
import { Source } from "./source.js";
import { accept, isKnown } from "./working.js";

const changes = signal();
const takers = [];

/** Where each tool kept a picture of its own, that of the tab in sight is worked on from now on. */
function begin() {
  const own = [task(), ...EDITING].map((kind) => read(`source.${kind}`, null)?.picture);
  const first = own.find(Boolean);
  if (first && !isKnown()) accept(first);
}

begin();
const sources = new Map(
  EDITING.map((kind) => [kind, new Source(kind, canvasOf(kind), () => changes.tell(kind))]),
);

/** The state behind a canvas. Only the canvas' own scripts use it. */
export const source = (kind) => sources.get(kind);

for (const [kind, one] of sources) one.complete = () => maskPainted(kind);

/** What is painted over its picture; null where there is none, or the task takes no colours. */
function painting(kind) {
  const { picture } = sources.get(kind);
  return picture && isSketched(kind) ? coloursOf(picture) : null;
}

onColours((image) => {
  for (const [kind, { picture }] of sources) {
    if (isSketched(kind) && picture?.image === image) changes.tell(kind);
  }
});

/** `{image, url, width, height, mask, sketch}`, or null without a picture. `image` is what a task calls
 * it; `mask` is null where nothing is masked, else `{ref, share}`: ref null until it is uploaded,
 * share the masked part of the area, 0 to 1, and `sketch` the same of colours painted over it. An
 * outpaint has `frame`: its four sides, in pixels. */
export function sourceOf(kind) {
  const { described } = sources.get(kind);
  return described && { ...described, sketch: painting(kind)?.described ?? null };
}

/** Call `listener(kind)` after every change of a picture, its mask or its frame. */
export const onSource = changes.on;

/** `listener(kind, files)` is asked what to do with several files chosen or dropped at once; true
 * if it took them. Else the first becomes the picture. */
export function onFiles(listener) {
  takers.push(listener);
}

/** Is something held over a place whose words and settings it may bring, and no picture? */
export function isForSettings(event) {
  const target = targetOf(event);
  return Boolean(
    target.closest?.("#top-bar, #prompt-bar, #settings, dialog") &&
      !target.closest("[data-group='Many pictures']"),
  );
}

export const offerFiles = (kind, files) => takers.some((one) => one(kind, files));

/** The task's own part of a request, with everything uploaded: `{image}`, `{image, mask}` or
 * `{image, left, top, right, bottom}`, and `sketch` where colours are painted over it. Throws an Error
 * that tells what is missing. */
export async function ready(kind) {
  const part = await sources.get(kind).ready();
  const sketch = await painting(kind)?.ready();
  return sketch ? { ...part, sketch } : part;
}

/** Has it a picture of its own, whatever is worked on? */
export const isPinned = (kind) => sources.get(kind).pinned;

/** Change the picture, the mask, or both; false if it was cancelled. Unless the tool is pinned, the
 * picture is worked on in all of them.
 *
 * `what` is a File, `{ref, url, width, height}` (all but ref may be left out), or `{mask}`, the
 * mask's own ref; with both, picture and mask are taken as they are and nothing is asked. With `ref`
 * there may be a `frame` {left, top, right, bottom}, and the ref of a `sketch`, null for none.
 * `ask`  where there is a mask, ask what becomes of it
 * `keep` without asking: keep it, stretched over a picture of another size; else it is cleared
 * Throws an Error with words for the artist. */
export async function put(kind, what, { ask = true, keep = false } = {}) {
  const isTaken = await sources.get(kind).put(what, { ask, keep });
  if (isTaken && what.sketch !== undefined) await painting(kind)?.take(what.sketch);
  return isTaken;
}

/** Picture, mask, frame and sketch as they are, to be handed to `recover` later: where the picture was the
 * last step of those that are worked on, that step is taken back. */
export function snapshot(kind) {
  return { ...sources.get(kind).snapshot(), painted: painting(kind)?.mark() };
}

export function recover(kind, earlier) {
  sources.get(kind).recover(earlier);
  earlier.painted?.();
}

/** An undo brings it back. */
export function clearMask(kind) {
  sources.get(kind).mask?.clear();
}

/** An undo brings it back. */
export function clearSketch(kind) {
  painting(kind)?.clear();
}

/** All that is painted is masked as well, wholly. */
export async function maskPainted(kind) {
  const colours = painting(kind);
  await colours?.restored;
  const { mask } = sources.get(kind);
  const alpha = colours?.layer?.alpha.data;
  if (!mask || mask.edit || !alpha) return;
  mask.replace(mask.data.map((value, at) => (alpha[at] > 0 ? 255 : value)));
}

/** Is a stroke under way? */
export function editing(kind) {
  return Boolean(sources.get(kind).mask?.edit || painting(kind)?.layer?.cover.edit);
}
