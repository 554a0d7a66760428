// A result becomes the picture that is worked on, or that a tool begins with, and the way back.

import { isPinned, onSource, put, recover, snapshot, sourceOf } from "../canvas/sources.js";
import { accept, backTo, onWorking, working } from "../canvas/working.js";
import * as units from "../control/units.js";
import { findAtOnce } from "../detail/finding.js";
import { goBack, takeUp, takeUpToDetail, whereNow } from "../restore/take_up.js";
import { came } from "../shared/pictures.js";
import { onTurn, showTab } from "../shared/tabs.js";
import { EDITING, isEditing, kindOf, labelOf, showTask, task } from "../shared/task.js";
import { showView, view } from "../shared/views.js";

/** What `source.js` knows a result by. */
const asSource = (picture, [width, height]) => ({
  ref: `picture:${picture.id}`,
  url: picture.url,
  width,
  height,
});

/** As the chain of what is worked on knows it. */
function asPicture(picture, size) {
  const { ref: image, ...place } = asSource(picture, size);
  return { image, ...place };
}

const NOW = "The result is the picture now";
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
  if (kind === DETAILS && picture.request?.scheduler) {
    await sendAsDrawn(picture, offer);
    return;
  }
  if (kind === UNITS) {
    sendToUnit(asSource(picture, size), offer);
    return;
  }
  await toTool(picture, size, kind, offer);
  if (kind === DETAILS) findAtOnce();
}

async function toTool(picture, size, kind, offer) {
  const from = { ...whereNow(), task: task() };
  showTask(kind);
  const earlierView = view();
  const earlier = snapshot(kind);
  const back = () => {
    showView(earlierView);
    goBack(from);
  };
  const keep = fitsMask(picture, size, kind);
  const isMasked = Boolean(sourceOf(kind)?.mask);
  showView("source"); // first: it may ask there what becomes of the mask
  if (!(await put(kind, asSource(picture, size), { ask: true, keep }))) {
    back();
    return;
  }
  const here = keep && isMasked ? `${NOW}, under the same mask` : NOW;
  const words = kind === from.task ? here : `Sent to ${labelOf(kind)}`;
  offerUntilChanged(kind, words, offer, () => {
    recover(kind, earlier);
    back();
  });
}

/** Is it what became of the picture that lies there, so that the mask suits it as well? */
function fitsMask(picture, [width, height], kind) {
  const source = sourceOf(kind);
  const isSize = source?.width === width && source?.height === height;
  return picture.request?.task?.kind === kind && isSize;
}

/** `picture` is worked on from now on: in the tool that shows, or in that which comes next. */
export async function use(picture, size, offer) {
  if (isEditing()) {
    await toTool(picture, size, task(), offer);
    return;
  }
  const earlier = working();
  accept(asPicture(picture, size));
  offer(`${NOW}, for every tool`, () => backTo(earlier));
}

/** `picture` was made of the result that is shown, which stays in sight: the tool that shows works on
 * it from now on. `undone()` is called after the way back. */
export async function adopt(picture, size, words, offer, undone) {
  const kind = task();
  const earlier = snapshot(kind);
  const keep = fitsMask(picture, size, kind);
  if (!(await put(kind, asSource(picture, size), { ask: true, keep }))) return;
  offerUntilChanged(kind, words, offer, () => {
    recover(kind, earlier);
    undone();
  });
}

/** What `viewer` shows is taken along as somebody turns to a tool: where nothing is worked on, or
 * where it was made after that which is. */
export function takeAlong(viewer) {
  const newer = new Set(); // ids of what was made since the present picture came
  came.on((ids) => {
    for (const id of ids) newer.add(id);
  });
  onWorking(() => newer.clear());
  onTurn((tab) => {
    const kind = kindOf(tab);
    const { picture } = viewer;
    if (!EDITING.includes(kind) || isPinned(kind) || view() === "source") return;
    if (!picture || picture.partial || (working() && !newer.has(picture.id))) return;
    const earlier = working();
    viewer.rememberGaze();
    if (!accept(asPicture(picture, viewer.sizeOf(picture)))) return;
    offerUntilChanged(kind, NOW, viewer.offers, () => backTo(earlier));
  });
}

/** Its details are drawn as it was: with its words and its settings. */
async function sendAsDrawn(picture, offer) {
  await takeUpToDetail(picture, offer);
  findAtOnce();
}

/** The picture controls: in the first unit that has none, or a new one, or in place of the last. */
function sendToUnit({ ref, ...place }, offer) {
  const from = whereNow();
  const earlier = units.snapshot();
  showTab(UNITS);
  const earlierView = view();
  showView("source");
  const target =
    units.units().find((one) => !one.picture && (one.offered || !one.follows)) ??
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

function offerUntilChanged(kind, words, offer, undo) {
  withdraw = offer(words, undo);
  offered = { kind, looks: looks(kind) };
}

onSource((kind) => {
  if (offered?.kind !== kind || offered.looks === looks(kind)) return;
  offered = null;
  withdraw();
});
