// The pictures that the studio keeps, its library, as the whole page knows them.

import { address } from "./data.js";
import { asked } from "./exports.js";
import { ask, get, send } from "./server.js";
import { signal } from "./signals.js";

const PLACE = "studio/v1/images";
const AT_ONCE = 4;

/** Tells {ids, what, fields} after each change made here. `what` is one of changed, trashed,
 * restored, deleted, imported, emptied; `fields` are those changed, with their values. */
export const changed = signal();

/** Tells [ids] after new pictures. */
export const came = signal();

const placeOf = (id) => `${PLACE}/${encodeURIComponent(id)}`;

/**
 * One page of the pictures that `filters` let through, newest first: {images, next, total}.
 * Filters: search, starred, board, trashed, checkpoint, lora, task, since, until, mine, seed,
 * limit, before (the `next` of the page above). Those that are empty do not count.
 */
export function page(filters = {}, of = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value === true) asked.set(name, "1");
    else if (value) asked.set(name, String(value));
  }
  return ask(`${PLACE}?${asked}`, of).then((answer) => answer.json());
}

/** All about one: as in a page, and its request, infotext, models. */
export const details = (id) => get(`${placeOf(id)}/details`);

/** Its family: {ancestors, descendants}, entries as in a page, and edges [[parent, child]] of ids. */
export const lineage = (id) => get(`${placeOf(id)}/lineage`);

/** {name, count} of each board. */
export const boards = () => get(`${PLACE}/boards`).then((answer) => answer.boards);

/** Set `starred`, `boards` (names) or `note` of one picture or of several. */
export const change = (ids, fields) =>
  each(ids, "changed", (id) => send("PATCH", placeOf(id), fields), fields);

/** Set fields of several, of each its own: [[id, fields]]. */
export async function changeEach(changes) {
  const alike = new Map();
  for (const one of changes) {
    const key = JSON.stringify(one[1]);
    alike.set(key, [...(alike.get(key) ?? []), one]);
  }
  for (const group of alike.values())
    await change(
      group.map(([id]) => id),
      group[0][1],
    );
}

/** Into the trash, from where `restore` brings them back. */
export const trash = (ids) => each(ids, "trashed", (id) => send("DELETE", placeOf(id)));

export const restore = (ids) =>
  each(ids, "restored", (id) => send("POST", `${placeOf(id)}/restore`));

/** Out of the trash, for good. */
export const remove = (ids) =>
  each(ids, "deleted", (id) => send("DELETE", `${placeOf(id)}?forever=1`));

/** Delete all in the trash that is one's own, for good: {erased}, how many. */
export async function emptyTrash() {
  const answer = await send("DELETE", `${PLACE}?trashed=1`);
  changed.tell({ ids: [], what: "emptied", fields: {} });
  return answer;
}

/** Do `work(id)` for all of `ids`, a few at a time; what was done is told even where some failed. */
async function each(ids, what, work, fields = {}) {
  const left = [ids].flat();
  const done = [];
  const turn = async () => {
    while (left.length) {
      const id = left.shift();
      await work(id);
      done.push(id);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, turn));
  if (done.length) changed.tell({ ids: done, what, fields });
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
}

/** A picture file joins the library: {id, is_new, read}. Of several call `tellImported` at the end. */
export async function importFile(file) {
  const answer = await ask(`${PLACE}/import`, { method: "POST", body: file });
  return answer.json();
}

export const tellImported = (ids) => changed.tell({ ids, what: "imported", fields: {} });

/** Where a zip of `ids` is. */
export const archiveOf = (ids) =>
  address(`${PLACE}/archive?ids=${ids.map(encodeURIComponent).join()}&${asked()}`);

const DRAGGED = "application/x-studio-picture";

/** Let a drag carry a picture: to a canvas, a ControlNet unit, or out of the page as its address. */
export function carry(transfer, { id, url, width, height }) {
  const picture = { ref: `picture:${id}`, url, width, height };
  transfer.effectAllowed = "copy";
  transfer.setData(DRAGGED, JSON.stringify(picture));
  transfer.setData("text/uri-list", address(url));
}

/** Does a drag carry a picture of the library? */
export const carries = (transfer) => transfer.types.includes(DRAGGED);

/** The picture that was dropped, {ref, url, width, height}; null if it is none of the library. */
export function carried(transfer) {
  const text = transfer.getData(DRAGGED);
  return text ? JSON.parse(text) : null;
}
