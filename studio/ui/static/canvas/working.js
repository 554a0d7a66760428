// The picture that is worked on, which the tools share, and the chain of those it was before: each
// that takes its place is a step, also after a reload. A tool keeps what it does to a picture (mask,
// frame) by that picture, so a step back brings its work back with it.
//
//   working()          {image, url, width, height}, or null; `image` is what a task calls it
//   accept(picture)    it takes the place of the present one; null empties the canvases
//   undo(), redo()     a step along the chain; false where there is none
//   mayUndo, mayRedo   is there one?
//   onWorking(hear)    call `hear(picture)` after each change
//
// What a tool made becomes the picture by `accept`; `put` of sources.js does that for a file or
// something of the library, and asks what becomes of the mask that lies there.

import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";

const MOST = 100; // steps that are kept

const changes = signal();
const kept = read("working", null);
/** What is removed is null, and the last: what comes next takes its place. */
let chain = kept?.chain ?? [];
let at = Math.min(kept?.at ?? -1, chain.length - 1);

/** Was there ever a picture? */
export const isKnown = () => chain.length > 0;
export const working = () => chain[at] ?? null;
export const mayUndo = () => at > 0;
export const mayRedo = () => at < chain.length - 1;

/** Call `listener(picture)` whenever it is another one. */
export const onWorking = changes.on;

/** False where it is that one already. */
export function accept(picture) {
  const present = working();
  if (picture?.image === present?.image) return false;
  const before = chain.slice(0, present ? at + 1 : Math.max(0, at));
  chain = [...before, picture && placeOf(picture)].slice(-MOST);
  settle(chain.length - 1);
  return true;
}

export const undo = () => mayUndo() && settle(at - 1);
export const redo = () => mayRedo() && settle(at + 1);

/** Be `picture` again, as it was before the last step: that step is taken back if it was the last. */
export function backTo(picture) {
  const earlier = mayUndo() ? chain[at - 1] : null;
  return earlier && earlier.image === picture?.image ? undo() : accept(picture);
}

/** The picture `image` cannot be loaded any more: no step leads to it. */
export function lose(image) {
  const isPresent = working()?.image === image;
  const left = chain.slice(0, at).filter((one) => one?.image !== image);
  const later = chain.slice(at + 1).filter((one) => one?.image !== image);
  const middle = isPresent ? [null] : chain.slice(at, at + 1);
  chain = isPresent ? [...left, ...middle] : [...left, ...middle, ...later];
  if (isPresent) settle(left.length);
  else keep(left.length);
}

function settle(next) {
  keep(next);
  changes.tell(working());
  return true;
}

function keep(next) {
  at = next;
  write("working", { chain, at });
}

const placeOf = ({ image, url, width, height }) => ({ image, url, width, height });
