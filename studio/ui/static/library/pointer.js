// Mouse and touch on the library's pictures.

import { carries } from "../shared/pictures.js";
import { isShown, showTab } from "../shared/tabs.js";

const LONG_MS = 450;
const STILL_PX = 10;
const SPRING_MS = 450;

export function bindPointer(library) {
  const grid = library.grid.viewport;
  const idAt = (event) => event.target.closest?.(".picture")?.dataset.id;
  const press = longPress(grid, (event) => {
    const id = idAt(event);
    if (id) library.select((selection) => selection.toggle(id));
  });
  grid.addEventListener("pointerdown", (event) => {
    const tile = event.target.closest(".picture");
    // A finger that rests on a picture marks it; only a mouse drags it.
    if (tile) tile.draggable = event.pointerType === "mouse";
  });
  grid.addEventListener("click", (event) => {
    const id = idAt(event);
    if (press.tookClick()) return;
    if (!id) return library.select((selection) => selection.clear());
    if (event.target.closest(".tile-star")) library.actions.star(library.withSelected(id));
    else clicked(library, id, event);
  });
  grid.addEventListener("dblclick", (event) => {
    const id = idAt(event);
    if (id && event.pointerType !== "touch") library.open(id);
  });
  grid.addEventListener("contextmenu", (event) => {
    const id = idAt(event);
    if (!id) return;
    event.preventDefault();
    if (press.isTouch) return; // the long press has marked it, and what to do stands below
    if (!library.selection.has(id)) library.select((selection) => selection.only(id));
    const { left, bottom } = event.target.getBoundingClientRect();
    const isKey = event.clientX === 0 && event.clientY === 0;
    const at = isKey ? [left + 8, bottom - 8] : [event.clientX, event.clientY];
    library.toolbar.openAt(...at, library.filters.shelf.trashed);
  });
  bindSprings();
}

function clicked(library, id, event) {
  const { selection, list } = library;
  const isTouch = event.pointerType === "touch";
  if (isTouch && !selection.isMarking) {
    library.select((one) => one.only(id));
    library.open(id);
    return;
  }
  library.select((one) => {
    if (event.shiftKey) one.extend(id, list.ids);
    else if (event.ctrlKey || event.metaKey || isTouch) one.toggle(id);
    else one.only(id);
  });
  const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !isTouch;
  if (isPlain && !isShown("library")) library.showBeside(id);
}

/** A finger that stays where it is; the click that ends it is none. */
function longPress(element, act) {
  let timer = 0;
  let at = [0, 0];
  let isDone = false;
  const state = { isTouch: false, tookClick: () => isDone };
  const end = () => clearTimeout(timer);
  element.addEventListener("pointerdown", (event) => {
    end();
    isDone = false;
    state.isTouch = event.pointerType === "touch";
    if (!state.isTouch) return;
    at = [event.clientX, event.clientY];
    timer = setTimeout(() => {
      isDone = true;
      act(event);
    }, LONG_MS);
  });
  element.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (Math.hypot(clientX - at[0], clientY - at[1]) > STILL_PX) end();
  });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, end);
  return state;
}

/** A picture that is held over a tab opens it, so that it can be dropped there. */
function bindSprings() {
  const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".tabs a"));
  for (const link of links) {
    let timer = 0;
    link.addEventListener("dragenter", (event) => {
      if (!carries(event.dataTransfer)) return;
      clearTimeout(timer);
      timer = setTimeout(() => showTab(link.hash.slice(1)), SPRING_MS);
    });
    for (const name of ["dragleave", "drop"])
      link.addEventListener(name, () => clearTimeout(timer));
  }
}
