// The library's keys.

import { isShown, shownTab, showTab } from "../shared/tabs.js";

const ACTS = {
  Delete: "trash",
  Backspace: "trash",
  s: "star",
  c: "compare",
  n: "note",
};

export function bindKeys(library) {
  const { root } = library;
  const grid = library.grid.viewport;
  grid.addEventListener("keydown", (event) => gridKey(library, event));
  root.querySelector("input[type=search]").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    begin(library);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) event.stopPropagation(); // stops no picture
  });
  grid.addEventListener("focus", () => begin(library));
  grid.addEventListener("focusin", ({ target }) => {
    const { id } = target.dataset;
    if (id && id !== library.selection.active) {
      library.selection.active = id;
      library.grid.show();
    }
  });
  document.addEventListener("keydown", (event) => pageKey(library, event));
}

/** The keys go to the picture they were at, else to the first in sight. */
function begin(library) {
  const { list, selection, grid } = library;
  const id = list.entry(selection.active) ? selection.active : list.entries[0]?.id;
  if (id === undefined) return;
  selection.active = id;
  grid.reveal(list.places.get(id));
  grid.focus();
}

const isTyping = ({ target }) => target.closest("input, textarea, select, dialog[open], [popover]");

let cameFrom = "text-to-image";

/** Keys that work wherever the keys are. */
function pageKey(library, event) {
  if (event.defaultPrevented || isTyping(event) || event.altKey) return;
  const isHere = isShown("library");
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.key === "l" && !isCommand) {
    event.preventDefault();
    if (!isHere) cameFrom = shownTab();
    showTab(isHere ? cameFrom : "library");
  } else if (isHere && event.key === "/" && !isCommand) {
    event.preventDefault();
    library.filters.search.focus();
    library.filters.search.select();
  } else if (isHere && event.target === document.body) {
    gridKey(library, event);
  }
}

function gridKey(library, event) {
  if (event.altKey || event.defaultPrevented) return;
  const done = event.ctrlKey || event.metaKey ? command(library, event) : plain(library, event);
  if (!done) return;
  event.preventDefault();
  event.stopPropagation();
}

function command(library, event) {
  if (event.key === "a") {
    const { list } = library;
    list.reach(list.total).then(() => library.select((selection) => selection.all(list.ids)));
    return true;
  }
  if (event.key === "z") return library.toolbar.takeBack();
  if (event.key === " ") return mark(library);
  return false;
}

function plain(library, event) {
  const { list, selection, toolbar, filters } = library;
  const { trashed } = filters.shelf;
  if (event.key === "End" && !list.isWhole) {
    list.reach(list.total).then(() => list.isWhole && library.goTo(list.ids.at(-1)));
    return true;
  }
  const target = placeAfter(library, event.key);
  if (target !== null) return moveTo(library, target, event.shiftKey);
  if (event.key === "Enter") {
    if (list.entry(selection.active)) library.open(selection.active);
    return true;
  }
  if (event.key === " ") return mark(library);
  if (event.key === "Escape") {
    if (selection.ids.size === 0) return false;
    library.select((one) => one.clear());
    return true;
  }
  if (event.repeat) return false;
  const board = /^[1-5]$/.test(event.key) && library.boards.named(Number(event.key));
  if (board && !trashed) {
    library.act("board", board);
    return true;
  }
  const name = trashed && event.key === "Delete" ? "remove" : ACTS[event.key];
  if (!name || !toolbar.allows(name, library.targets().length, trashed)) return false;
  library.act(name);
  return true;
}

function mark(library) {
  const { active } = library.selection;
  if (active !== null) library.select((selection) => selection.toggle(active));
  return true;
}

/** The index that a key leads to; null for any other key. */
function placeAfter({ list, selection, grid }, key) {
  const last = list.entries.length - 1;
  const at = list.places.get(selection.active) ?? -1;
  const places = {
    ArrowRight: () => at + 1,
    ArrowLeft: () => at - 1,
    ArrowDown: () => grid.layout.beside(at, 1),
    ArrowUp: () => grid.layout.beside(at, -1),
    PageDown: () => at + grid.perPage,
    PageUp: () => at - grid.perPage,
    Home: () => 0,
    End: () => last,
  };
  if (!places[key]) return null;
  const isRelative = key !== "Home" && key !== "End";
  return Math.max(0, Math.min(last, isRelative && at < 0 ? 0 : places[key]()));
}

function moveTo(library, index, isRange) {
  const { list } = library;
  const one = list.entries[index];
  if (!one) return true;
  library.select((selection) => {
    if (isRange) selection.extend(one.id, list.ids);
    else selection.move(one.id);
  });
  library.grid.reveal(index);
  library.grid.focus();
  return true;
}
