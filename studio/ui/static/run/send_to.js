// A result becomes the picture that an editing tab begins with, and the way back.

import { onSource, put, recover, snapshot, sourceOf } from "../canvas/sources.js";
import * as units from "../control/units.js";
import { findAtOnce } from "../detail/finding.js";
import { goBack, takeUp, takeUpToDetail, whereNow } from "../restore/take_up.js";
import { showTab } from "../shared/tabs.js";
import { labelOf, showTask, task } from "../shared/task.js";
import { showView, view } from "../shared/views.js";

/** What `source.js` knows a result by. */
const asSource = (picture, [width, height]) => ({
  ref: `picture:${picture.id}`,
  url: picture.url,
  width,
  height,
});

const UNITS = "controlnet";
const DETAILS = "details";
const TEXT = "text_to_image";

/** The size as it stands in the form. */
const OWN_SIZE = { width: undefined, height: undefined };

/**
 * Put `picture`, of `size` [width, height], where the task `kind` begins, and show it; text-to-image
 * takes its settings alone, "controlnet" the picture for a unit.
 * `offer(words, undo)` tells it and gives the way back, until something was changed there.
 */
export async function send(picture, size, kind, offer) {
  if (kind === TEXT) {
    const request = { ...picture.request, ...OWN_SIZE, task: { kind } };
    await takeUp({ ...picture, request }, offer);
    return;
  }
  const from = { ...whereNow(), task: task() };
  if (kind === DETAILS && picture.request?.scheduler) {
    await sendAsDrawn(picture, offer);
    return;
  }
  if (kind === UNITS) {
    sendToUnit(asSource(picture, size), from, offer);
    return;
  }
  showTask(kind);
  const earlierView = view();
  const earlier = snapshot(kind);
  const back = () => {
    showView(earlierView);
    goBack(from);
  };
  showView("source"); // first: it may ask there what becomes of the mask
  if (!(await put(kind, asSource(picture, size), { ask: true }))) {
    back();
    return;
  }
  const words = kind === from.task ? "The result is the source now" : `Sent to ${labelOf(kind)}`;
  withdraw = offer(words, () => {
    recover(kind, earlier);
    back();
  });
  offered = { kind, looks: looks(kind) };
  if (kind === DETAILS) findAtOnce();
}

/** Its details are drawn as it was: with its words and its settings. */
async function sendAsDrawn(picture, offer) {
  await takeUpToDetail(picture, offer);
  findAtOnce();
}

/** The picture controls: in the first unit that has none, or a new one, or in place of the last. */
function sendToUnit({ ref, ...place }, from, offer) {
  const earlier = units.snapshot();
  showTab(UNITS);
  const earlierView = view();
  showView("source");
  const target =
    units.units().find((one) => !one.picture && !one.follows) ??
    units.add() ??
    units.units().at(-1);
  const picture = { image: ref, ...place };
  units.change(target.id, { picture, follows: false, drawn: false, on: true, folded: false });
  offer(`Sent to ControlNet unit ${units.units().indexOf(units.unit(target.id)) + 1}`, () => {
    units.recover(earlier);
    showView(earlierView);
    goBack(from);
  });
}

let withdraw = () => {};
let offered = null;

/** What an artist would miss if it were undone. */
const looks = (kind) => JSON.stringify([sourceOf(kind)?.image, sourceOf(kind)?.mask?.share]);

onSource((kind) => {
  if (offered?.kind !== kind || offered.looks === looks(kind)) return;
  offered = null;
  withdraw();
});

/** The next round: `picture` in place of the present source; the mask stays. */
export function accept(picture, size, kind) {
  return put(kind, asSource(picture, size), { ask: false, keep: true });
}
