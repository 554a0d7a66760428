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
  shown.tell(view());
}
