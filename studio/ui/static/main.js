// What each part of the page is brought to life by; `on_load` in theme.py names these functions.

import { joinSession } from "./run/batch.js";
import { isSheetShown, showSheet } from "./settings/groups.js";
import { bindKeys } from "./run/keys.js";
import { bindLoop } from "./run/loop.js";
import { Session } from "./run/session.js";
import { examples } from "./run/welcome.js";
import { Viewer } from "./run/viewer.js";
import { bindViews } from "./shared/views.js";

export { badges } from "./run/badges.js";
export { canvas } from "./canvas/canvas.js";
export { batch } from "./run/batch.js";
export { catalog } from "./models/catalog.js";
export { controlEditor } from "./control/editor.js";
export { controls, controlStage } from "./control/panel.js";
export { choice } from "./settings/choices.js";
export { menu, prose, seed, sizes, slider, toggle } from "./settings/fields.js";
export { group, settingsFoot, sheetHead } from "./settings/groups.js";
export { loop } from "./run/loop.js";
export { loras } from "./settings/loras.js";
export { picker } from "./shared/picker.js";
export { task } from "./run/sending.js";
export { statusBar } from "./shared/status.js";
export { tabs } from "./shared/tabs.js";

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
