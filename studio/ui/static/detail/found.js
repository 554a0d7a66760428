// What the detailers find in the picture of the Details tab, until it is another picture. Which of it
// is drawn is said in each detailer's `only`; where nothing is, it is switched off.

import { onSource, sourceOf } from "../canvas/sources.js";
import { areKnown, look } from "../shared/detectors.js";
import { send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { change, detailers, forgetNumbers, looksOf, ready } from "./list.js";

const TASK = "details";

/** How it looks, as text -> {found: [{box, score, label}], total, why}, of the picture `image`. */
const known = signal({ image: null, by: new Map() });

/** Call `listener()` when more or less is known. */
export const onFound = known.on;

/** What the detailer `one` found, as many as it draws at most; undefined where it has not looked. */
export function foundBy(one) {
  const told = known.value.by.get(looksOf(one));
  return told && { ...told, found: told.found.slice(0, one.count || told.found.length) };
}

/** Is number `place` of what `one` found to be drawn? */
export const isTicked = ({ active, only }, place) =>
  active && (only.length === 0 || only.includes(place));

/** Let all that act look at the picture. Fails with words for people. */
export async function find() {
  if (!areKnown()) await look(); // the list begins with what there is
  await ready();
  const image = sourceOf(TASK)?.image;
  if (!image) throw new Error("Choose a picture first.");
  const looks = new Map();
  for (const one of detailers()) {
    if (one.active && !looks.has(looksOf(one)))
      looks.set(looksOf(one), await send("POST", "studio/v1/detect", { image, detector: one }));
  }
  if (sourceOf(TASK)?.image === image) known.value = { image, by: looks };
}

/** Draw number `place` of what the detailer `at` found, or do not. */
export function tick(at, place, isWanted) {
  const one = detailers()[at];
  const all = foundBy(one).found.map((_, number) => number);
  const wanted = all.filter((number) => (number === place ? isWanted : isTicked(one, number)));
  const isAll = wanted.length === all.length;
  change(at, { active: wanted.length > 0, only: isAll ? [] : wanted });
}

/** All that was found, or nothing of it. */
export function tickAll(isWanted) {
  for (const [at, one] of detailers().entries())
    if (foundBy(one)?.found.length) change(at, { active: isWanted, only: [] });
}

let last = sourceOf(TASK)?.image;
onSource((kind) => {
  const image = sourceOf(TASK)?.image;
  if (kind !== TASK || image === last) return;
  if (last) forgetNumbers();
  last = image;
  if (known.value.image !== null) known.value = { image: null, by: new Map() };
});
