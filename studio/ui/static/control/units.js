// The ControlNet units of this page: what each is set to, which of them act, and that they survive a
// reload. Knows nothing of how they are shown.

import { onSource, sourceOf } from "../canvas/sources.js";
import { known } from "../canvas/uploads.js";
import { onWorking, working } from "../canvas/working.js";
import { data } from "../shared/data.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";
import { isShown, onTab } from "../shared/tabs.js";
import { isEditing, onTask, task } from "../shared/task.js";
import { isUnion, preprocessor, typesOf } from "./types.js";

export const MOST = 4; // to be added by hand; a request may bring more

const FRESH = {
  on: true,
  folded: false,
  begins: false, // takes the first ControlNet that fits, as soon as that is known
  offered: false, // the tab began it, and nobody has touched it
  controlnet: null,
  picture: null, // {image, url, width, height}; null: see `follows`
  follows: false, // takes the picture that the task begins with, or that is worked on
  drawn: false,
  preprocessor: "none",
  settings: {},
  resolution: null,
  union_type: null,
  scale: 1,
  start: 0,
  end: 1,
  mode: "balanced",
  resize_mode: "crop_and_resize",
  mask: null, // {image, url, width, height}
};
const SENT = [
  "controlnet",
  "preprocessor",
  "settings",
  "resolution",
  "union_type",
  "scale",
  "start",
  "end",
  "mode",
  "resize_mode",
];

const changes = signal();
const lack = signal();
let last = 0;
let all = read("units", []).map(made);
let saving = 0;

function made(part) {
  last += 1;
  return { ...FRESH, ...part, id: last };
}

export const units = () => all;
export const unit = (id) => all.find((one) => one.id === id);

/** Call `listener(id)` after every change of a unit, `listener(null)` when the list changed. */
export const onUnits = changes.on;

/** Call `listener(id)` when a unit keeps a picture from being asked for. */
export const onLack = lack.on;

function tell(id) {
  clearTimeout(saving);
  saving = setTimeout(save, 200);
  changes.tell(id);
}

function save() {
  clearTimeout(saving);
  write("units", all);
}
addEventListener("pagehide", save);

/** The new unit, or null where there are as many as can be. */
export function add(part = {}) {
  if (all.length >= MOST) return null;
  const one = made({ begins: true, ...part });
  all = [...all, one];
  tell(null);
  return one;
}

export function remove(id) {
  all = all.filter((one) => one.id !== id);
  tell(null);
}

export function change(id, part) {
  const one = unit(id);
  if (!one) return;
  Object.assign(one, { offered: false, ...part });
  tell(id);
}

/** Outside the tab that began it an untouched unit is none. */
export function takeOffered() {
  const touched = all.filter((one) => !one.offered);
  if (touched.length === all.length) return;
  all = touched;
  tell(null);
}

/** Everything as it is, for `recover`. */
export const snapshot = () => JSON.stringify(all);

export function recover(earlier) {
  all = JSON.parse(earlier);
  tell(null);
}

/** Does it have a picture, its own or that of the task? */
const hasPicture = (one) => Boolean(one.picture) || (one.follows && mayFollow());

/** Is there a picture to follow, or is one asked for? */
export const mayFollow = () => isEditing() || working() !== null;

/** What keeps a unit that is on from acting: words for the artist, "" for nothing. */
export function lacks(one) {
  if (!hasPicture(one)) {
    return one.follows ? "No picture is worked on. Choose one." : "Choose a picture, or draw one.";
  }
  if (!one.controlnet) return "Choose a ControlNet.";
  if (isUnion(one.controlnet) && one.preprocessor === "none" && !one.union_type) {
    return "Say what the map shows.";
  }
  const spec = preprocessor(one.preprocessor);
  if (spec && !spec.ready) return `${spec.title} is not here yet. Download it, or choose another.`;
  return "";
}

/** Does the task make use of any? */
const mayAct = () => data.fields.controls.kinds.includes(task());

/** The units that are on and have a picture: those that count. */
export const acting = () => (mayAct() ? all.filter((one) => one.on && hasPicture(one)) : []);

/** Fails with words where a unit that counts lacks something, or where the tab is about units and
 * there is none. */
export async function ready() {
  for (const one of acting()) {
    const why = lacks(one);
    if (!why) continue;
    change(one.id, { folded: false });
    lack.tell(one.id);
    throw new Error(`ControlNet unit ${all.indexOf(one) + 1}: ${why}`);
  }
  if (isShown("controlnet") && acting().length === 0) {
    const why = all.some((one) => one.on)
      ? "Choose a picture, or draw one."
      : "Switch one on, or add one.";
    throw new Error(`No ControlNet unit acts. ${why}`);
  }
}

/** The units as the request's `controls`. */
export const requested = () =>
  acting()
    .filter((one) => !lacks(one))
    .map(asRequest);

function asRequest(one) {
  const sent = Object.fromEntries(SENT.map((name) => [name, one[name]]));
  const own = one.picture ?? (isEditing() ? null : working()); // null is that of the task
  return { ...sent, image: own?.image ?? null, mask: one.mask?.image ?? null };
}

/** Take over the `controls` of a request. Without any those that are here are switched off; one that
 * waits for its picture has that of the unit whose place it takes. */
export function take(controls) {
  if (controls.length === 0) {
    for (const one of all) one.on = false;
    tell(null);
    return;
  }
  const before = all;
  all = controls.map((sent, at) => {
    const { image, mask, ...rest } = sent;
    const waits = image === undefined;
    const place = (ref) => (ref ? { image: ref, url: null, width: 0, height: 0 } : null);
    return made({
      ...rest,
      settings: { ...rest.settings },
      picture: waits ? (before[at]?.picture ?? null) : place(image),
      follows: waits ? isEditing() && !before[at]?.picture : !image,
      mask: place(mask),
    });
  });
  tell(null);
  for (const one of all) complete(one);
}

/** Where the pictures of a unit are, and how large. */
async function complete({ id, picture, mask }) {
  for (const [name, one] of Object.entries({ picture, mask })) {
    if (!one || one.url) continue;
    const place = await known({ ref: one.image }).catch(() => null);
    if (unit(id)?.[name]?.image === one.image) change(id, { [name]: place });
  }
}

/** What the map of a unit is made from: {image, url, width, height}, or null. */
export const pictureOf = (one) =>
  one.picture ?? (one.follows ? (isEditing() ? sourceOf(task()) : working()) : null);

/** What its maps show, if that is known: a name of CONTROL_TYPES. Of a net that reads several the
 * preprocessor says which. */
export function typeOf(one) {
  const types = typesOf(one.controlnet);
  if (types.length === 1) return types[0];
  return one.union_type ?? (preprocessor(one.preprocessor)?.group || null);
}

for (const one of all) complete(one);
onTask(() => tell(null));
onTab(() => tell(null));
onSource(() => all.some((one) => one.follows) && tell(null));
onWorking(() => tell(null));
