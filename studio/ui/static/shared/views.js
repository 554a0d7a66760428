// What the place of the picture shows: what a task begins with (source), what became of it
// (result), the two together (compare, difference), the maps that led it, it beside itself (tiles), where
// the words acted, or the details that were drawn anew.

import { signal } from "./signals.js";
import { read, write } from "./store.js";
import { isShown, onTab } from "./tabs.js";
import { isEditing, onTask, task } from "./task.js";

const KEPT = ["source", "result"];

const views = read("views", {});
const shown = signal();
const ABOUT_TWO = ["compare", "difference"];
const there = {
  compare: false,
  difference: false,
  maps: false,
  tiles: false,
  details: false,
  words: false,
};

const ASIDE_PX = 112; // beside a picture, that the switch needs to stand there
const BELOW_PX = 48; // below it, that switch, zoom and words need in a row
const ROW_PX = 940; // that such a row is long
const RESULT = "result";
const rooms = {};

const UNITS = "controlnet"; // a tab of its own for the same task
const place = () => (isShown(UNITS) ? UNITS : task());
const hasSource = () => isEditing() || isShown(UNITS);

/** The view of the present task. Without anything to begin with there is no source. */
export function view() {
  const usual = hasSource() ? "source" : "result";
  const chosen = views[place()] ?? usual;
  const isThere = chosen === "source" ? hasSource() : there[chosen];
  return isThere ? chosen : "result";
}

export function showView(name) {
  views[place()] = name;
  write("views", Object.fromEntries(Object.entries(views).filter(([, one]) => KEPT.includes(one))));
  tell();
}

/** Which views of the picture shown make sense: name -> whether it does. */
export function allowViews(allowed) {
  if (Object.entries(allowed).every(([name, is]) => there[name] === is)) return;
  Object.assign(there, allowed);
  tell();
}

/** The room {beside, below, wide} that the whole picture of `owner` leaves in its place, CSS pixels: a
 * task's source, or the result. What lies over the picture's edges goes there if it can. */
export function leaveRoom(room, owner = RESULT) {
  if (!room) return;
  rooms[owner] = room;
  placeEdges();
}

function placeEdges() {
  const { beside = 0, below = 0, wide = 0 } = rooms[view() === "source" ? place() : RESULT] ?? {};
  const isBelow = below >= BELOW_PX && wide >= ROW_PX;
  document.body.dataset.room = beside >= ASIDE_PX ? "aside" : isBelow ? "below" : "none";
}

/** Call `listener(view)` whenever another one shows. */
export const onView = shown.on;

export function bindViews(root) {
  const buttons = [...root.querySelectorAll(".views [data-view]")];
  for (const button of buttons) {
    button.addEventListener("click", () => showView(button.dataset.view));
  }
  onView((shown) => {
    for (const button of buttons) {
      const name = button.dataset.view;
      button.setAttribute("aria-pressed", String(name === shown));
      if (name === "source") button.textContent = isShown(UNITS) ? "Units" : "Source";
      if (KEPT.includes(name)) continue;
      const isAboutTwo = ABOUT_TWO.includes(name);
      button.hidden = !isAboutTwo && !there[name];
      button.disabled = isAboutTwo && !there[name];
      button.title = button.disabled ? "For a picture that was made from another" : "";
    }
  });
  onTask(tell);
  onTab(tell);
  tell();
}

function tell() {
  document.body.dataset.task = task();
  document.body.dataset.view = view();
  placeEdges();
  shown.tell(view());
}
