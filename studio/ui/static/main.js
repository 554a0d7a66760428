// What each part of the page is brought to life by; `on_load` in theme.py names these functions.

import { joinSession } from "./batch.js";
import { isSheetShown, showSheet } from "./groups.js";
import { bindKeys } from "./keys.js";
import { bindLoop } from "./loop.js";
import { Session } from "./session.js";
import { examples } from "./welcome.js";
import { Viewer } from "./viewer.js";
import { bindViews } from "./views.js";

export { badges } from "./badges.js";
export { canvas } from "./canvas.js";
export { batch } from "./batch.js";
export { catalog } from "./catalog.js";
export { controlEditor } from "./control_editor.js";
export { controls, controlStage } from "./control_panel.js";
export { choice } from "./choices.js";
export { menu, prose, seed, sizes, slider, toggle } from "./fields.js";
export { group, settingsFoot, sheetHead } from "./groups.js";
export { loop } from "./loop.js";
export { loras } from "./loras.js";
export { picker } from "./picker.js";
export { task } from "./sending.js";
export { statusBar } from "./status.js";
export { tabs } from "./tabs.js";

const whenBoth = {};

/** The button sends, the viewer shows: a session needs both. */
function meet(part) {
  Object.assign(whenBoth, part);
  const { viewerElement, trigger, watchAnswer } = whenBoth;
  if (!viewerElement || !trigger) return;
  const viewer = new Viewer(viewerElement.querySelector(".viewer"));
  const session = new Session(viewer, trigger);
  watchAnswer((answer) => session.answered(answer));
  viewerElement.querySelector(".retry").addEventListener("click", () => session.generate());
  const button = document.getElementById("generate");
  button.addEventListener("click", (event) => session.press(event.detail));
  examples(viewer);
  bindViews(viewer.root);
  bindLoop(session);
  joinSession(session);
  bindKeys(session, viewer);
}

export function viewer({ element, props, watch }) {
  meet({
    viewerElement: element,
    watchAnswer: (tell) => watch("value", () => tell(props.value)),
  });
}

export function generate({ element, trigger }) {
  const sheet = element.querySelector(".sheet-button");
  sheet.addEventListener("click", () => showSheet(!isSheetShown()));
  meet({ trigger });
}
