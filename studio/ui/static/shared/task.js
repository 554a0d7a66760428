// Which task the page is set to: that of the tab in sight, or of the last one that had a task.

import { onTab, showTab } from "./tabs.js";

export const TASK_NAMES = {
  text_to_image: "Text to image",
  image_to_image: "Image to image",
  inpaint: "Inpaint",
  outpaint: "Outpaint",
};

/** The tasks that begin with a picture. */
export const EDITING = Object.keys(TASK_NAMES).slice(1);

/** Tabs whose task has another one, too. */
const TASK_OF = { controlnet: "text_to_image" };

const kindOf = (tab) => TASK_OF[tab] ?? tab.replaceAll("-", "_");
const listeners = new Set();
const asked = kindOf(location.hash.slice(1));

let current = asked in TASK_NAMES ? asked : "text_to_image";

export const task = () => current;
export const isEditing = () => EDITING.includes(current);
export const showTask = (kind) => showTab(kind.replaceAll("_", "-"));

/** Call `listener(kind)` whenever it is another task. */
export function onTask(listener) {
  listeners.add(listener);
}

onTab((tab) => {
  const kind = kindOf(tab);
  if (!(kind in TASK_NAMES) || kind === current) return;
  current = kind;
  for (const listener of listeners) listener(kind);
});
