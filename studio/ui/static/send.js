// A result becomes the picture that an editing tab begins with, and the way back.

import { asked, restore } from "./form.js";
import { onSource, put, recover, snapshot, sourceOf } from "./source.js";
import { task, TASK_NAMES, showTask } from "./task.js";
import { showView, view } from "./views.js";

/** What `source.js` knows a result by. */
const asSource = (picture, [width, height]) => ({
  ref: `picture:${picture.id}`,
  url: picture.url,
  width,
  height,
});

/**
 * Put `picture`, of `size` [width, height], where the task `kind` begins, and show it; text-to-image
 * takes its settings alone.
 * `offer(words, undo)` tells it and gives the way back, until something was changed there.
 */
export async function send(picture, size, kind, offer) {
  if (kind === "text_to_image") {
    const size = { width: undefined, height: undefined }; // as they stand there
    await takeUp({ ...picture, request: { ...picture.request, ...size, task: { kind } } }, offer);
    return;
  }
  const from = { task: task(), view: view() };
  showTask(kind);
  const earlierView = view();
  const earlier = snapshot(kind);
  const back = () => {
    showView(earlierView);
    showTask(from.task);
    showView(from.view);
  };
  showView("source"); // first: it may ask there what becomes of the mask
  if (!(await put(kind, asSource(picture, size), { ask: true }))) {
    back();
    return;
  }
  const words = kind === from.task ? "The result is the source now" : `Sent to ${TASK_NAMES[kind]}`;
  withdraw = offer(words, () => {
    recover(kind, earlier);
    back();
  });
  offered = { kind, looks: looks(kind) };
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

/** Everything as it was when `picture` was asked for: its tab, its pictures, its settings.
 * `offer(words, undo)` tells it and gives the way back. */
export async function takeUp(picture, offer) {
  const { request, seed } = picture;
  const part = request.task ?? { kind: "text_to_image" };
  const from = { task: task(), view: view() };
  showTask(part.kind);
  const settings = asked();
  const earlier = part.image ? snapshot(part.kind) : null;
  restore({ ...request, seed });
  let words = "Settings set";
  if (part.image) {
    await takeUpPictures(request, part).catch((error) => {
      words = error.message;
    });
  }
  offer(words, () => {
    if (earlier) recover(part.kind, earlier);
    restore(settings);
    showTask(from.task);
    showView(from.view);
  });
}

async function takeUpPictures(request, { kind, image, mask, ...rest }) {
  showView("source");
  await put(kind, mask ? { ref: image, mask } : { ref: image }, { ask: false });
  if (kind === "outpaint" && !rest.aspect_ratio) {
    const { left, top, right, bottom } = rest;
    recover(kind, { ...snapshot(kind), frame: { left, top, right, bottom } });
  }
  const { width, height } = sourceOf(kind);
  const isOwnSize = request.width === roundedUp(width) && request.height === roundedUp(height);
  if (isOwnSize || kind === "outpaint") restore({ width: null, height: null });
}

const roundedUp = (side) => 8 * Math.ceil(side / 8);
