// Which task the page is set to: that of the tab in sight, or of the last one that had a task.

import { data } from "./data.js";
import { signal } from "./signals.js";
import { onTab, showTab } from "./tabs.js";

const TASKS = data.tasks;

/** The tasks that begin with a picture. */
export const EDITING = Object.keys(TASKS).filter((kind) => TASKS[kind].canvas);

/** Tabs whose task has another one, too. */
const TASK_OF = { controlnet: "text_to_image" };

/** The task of a tab. */
export const kindOf = (tab) => TASK_OF[tab] ?? tab.replaceAll("-", "_");
const asked = kindOf(location.hash.slice(1));
const current = signal(asked in TASKS ? asked : "text_to_image");

export const task = () => current.value;
export const labelOf = (kind) => TASKS[kind].label;
export const canvasOf = (kind) => TASKS[kind].canvas;
export const isEditing = () => EDITING.includes(task());

/** May the task be run over many pictures and in rounds? */
export const isForMany = (kind) => TASKS[kind].many;
/** May colours be painted over its picture? */
export const isSketched = (kind) => TASKS[kind].sketch;
export const showTask = (kind) => showTab(kind.replaceAll("_", "-"));

/** Call `listener(kind)` whenever it is another task. */
export const onTask = current.on;

onTab((tab) => {
  const kind = kindOf(tab);
  if (kind in TASKS) current.value = kind;
});
