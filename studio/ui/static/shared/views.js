// What the place of the picture shows: what a task begins with (source), what became of it
// (result), or the two together (compare, difference).

import { signal } from "./signals.js";
import { read, write } from "./store.js";
import { isShown, onTab } from "./tabs.js";
import { isEditing, onTask, task } from "./task.js";

const KEPT = ["source", "result"];

const views = read("views", {});
const shown = signal();
let canCompare = false;
let hasMaps = false;

const UNITS = "controlnet"; // a tab of its own for the same task
const place = () => (isShown(UNITS) ? UNITS : task());
const hasSource = () => isEditing() || isShown(UNITS);

/** The view of the present task. Without anything to begin with there is no source. */
export function view() {
  const usual = hasSource() ? "source" : "result";
  const chosen = views[place()] ?? usual;
  const isThere =
    { source: hasSource(), maps: hasMaps }[chosen] ?? (chosen === "result" || canCompare);
  return isThere ? chosen : "result";
}

export function showView(name) {
  views[place()] = name;
  write("views", Object.fromEntries(Object.entries(views).filter(([, one]) => KEPT.includes(one))));
  tell();
}

/** Is there a picture before the one shown, to compare it with? */
export function allowCompare(allowed) {
  if (canCompare === allowed) return;
  canCompare = allowed;
  tell();
}

/** Were there maps that led the picture shown? */
export function allowMaps(allowed) {
  if (hasMaps === allowed) return;
  hasMaps = allowed;
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
      if (name === "maps") button.hidden = !hasMaps;
      button.disabled = !KEPT.includes(name) && name !== "maps" && !canCompare;
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
