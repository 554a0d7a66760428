// The detailers of the form as a list: what each is set to, which of them act, what they lack. Knows
// nothing of how they are shown.

import { field } from "../settings/form.js";
import { data } from "../shared/data.js";
import { areKnown, detectorNamed } from "../shared/detectors.js";
import { signal } from "../shared/signals.js";
import { task } from "../shared/task.js";

export const MOST = 8;
const NAME = "detailers";
/** What a detailer finds depends on these alone. */
const FINDING = ["detector", "classes", "confidence", "min_size", "max_size", "count", "order"];

const lack = signal();

export const detailers = () => field(NAME)?.value ?? [];
export const detailerAt = (at) => detailers()[at];
export const set = (all) => field(NAME).set(all);

/** Call `listener(at)` when a detailer keeps a picture from being asked for. */
export const onLack = lack.on;

/** Those that act in the present task. */
export const acting = () => (field(NAME)?.isShown ? detailers().filter((one) => one.active) : []);

export const add = (detector) => set([...detailers(), { ...data.detailer, detector }]);

export const remove = (at) => set(detailers().filter((_, other) => other !== at));

/** Change fields of one. What it finds is numbered anew where it looks otherwise. */
export function change(at, part) {
  const anew = FINDING.some((name) => name in part) && !("only" in part) ? { only: [] } : {};
  set(detailers().map((one, other) => (other === at ? { ...one, ...anew, ...part } : one)));
}

/** One place up (-1) or down (1). */
export function move(at, by) {
  const all = [...detailers()];
  const [one] = all.splice(at, 1);
  all.splice(at + by, 0, one);
  set(all);
}

/** None of them acts any more; they stay as they are. */
export const switchOff = () => set(detailers().map((one) => ({ ...one, active: false })));

/** What was found in one picture says nothing about another. */
export function forgetNumbers() {
  if (detailers().some(({ only }) => only.length))
    set(detailers().map((one) => ({ ...one, only: [] })));
}

/** By what one looks, as text: two that look alike find the same. */
export const looksOf = (one) => JSON.stringify(FINDING.map((name) => one[name]));

/** What keeps a detailer from acting: words for the artist, "" for nothing. */
export function lacks({ detector }) {
  const known = detectorNamed(detector);
  if (!known) return areKnown() ? `There is no detector ${detector} any more.` : "";
  if (known.installed) return "";
  return known.url
    ? `${known.name} is not here yet. Download it, or choose another.`
    : known.why || `${known.name} is not here.`;
}

/** Fails with words where one that acts lacks something, or where the task is theirs and none does. */
export async function ready() {
  for (const one of acting()) {
    const why = lacks(one);
    if (!why) continue;
    const at = detailers().indexOf(one);
    lack.tell(at);
    throw new Error(`Detailer ${at + 1}: ${why}`);
  }
  if (task() === "details" && acting().length === 0) {
    const why = detailers().length ? "Switch one on, or add one." : "Add one in the settings.";
    throw new Error(`No detailer acts. ${why}`);
  }
}
