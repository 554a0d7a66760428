// Keys that work everywhere on the page.

import { isPinned } from "../canvas/sources.js";
import { redo, undo } from "../canvas/working.js";
import { isSheetShown, showSheet } from "../settings/groups.js";
import { leaveFull } from "../shared/full.js";
import { toggleLive } from "../shared/live.js";
import { isPickerOpen } from "../shared/picker.js";
import { isShown } from "../shared/tabs.js";
import { isEditing, showTask, task } from "../shared/task.js";
import { showView, view } from "../shared/views.js";
import { isQueueShown, showQueue } from "./queue.js";

/** A page's first stop for whoever uses the keyboard alone. */
export function skip(button) {
  button.addEventListener("click", toPrompt);
}

function toPrompt() {
  if (isShown("models") || isShown("library")) showTask(task());
  document.getElementById("prompt").focus();
}

export function bindKeys(session, viewer) {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("dialog.keys"));
  for (const button of document.querySelectorAll("[data-action=keys]"))
    button.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-action=close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog:modal") || event.isComposing || isPickerOpen()) return;
    if (event.key === "Escape" && isQueueShown()) {
      showQueue(false);
      return;
    }
    if (isShown("models") || isShown("library")) {
      if (event.key === "?" && !isTyping(event)) dialog.showModal();
      if (event.key === "q" && !isTyping(event)) showQueue(!isQueueShown());
      if (event.key === "/" && isShown("models") && !isTyping(event)) {
        event.preventDefault();
        const search = document.querySelector(".catalog input[type=search]");
        /** @type {HTMLInputElement} */ (search).focus();
      }
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!event.repeat) session.generate();
    } else if (isUndo(event) || isRedo(event)) {
      // Else the browser takes back what was typed last, in a field that nobody is in.
      if (!event.defaultPrevented && (stepped(event, viewer) || !isWriting(event)))
        event.preventDefault();
    } else if (event.key === "Escape") {
      if (isSheetShown()) showSheet(false);
      else if (leaveFull()) return;
      else if (view() === "words") showView("result");
      else session.stop();
    } else if (event.key === "/" && !isWriting(event) && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      toPrompt();
    } else if (!isTyping(event)) {
      plainKey(event, viewer, dialog);
    }
  });
}

/** Take back what was just done, else go back to the picture that was worked on before; or forward
 * again. False if there is nothing. */
function stepped(event, viewer) {
  const writes = isWriting(event);
  if (isUndo(event) && viewer.takeBack(writes)) return true;
  if (writes || !isEditing() || view() !== "source" || isPinned(task())) return false;
  return isUndo(event) ? undo() : redo();
}

function plainKey(event, viewer, dialog) {
  if (event.defaultPrevented) return;
  if (view() === "source" && !["?", "q", "v"].includes(event.key)) return;
  if (event.key === "?") dialog.showModal();
  if (event.key === "q") showQueue(!isQueueShown());
  if (event.key === "v") toggleLive();
  if (event.key === "c") showView(view() === "compare" ? "result" : "compare");
  if (event.key === "u" && viewer.picture) viewer.use();
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Delete" && viewer.picture) viewer.discard(viewer.picture);
  if (step && viewer.step(step)) event.preventDefault();
}

const isUndo = ({ key, ctrlKey, metaKey, shiftKey }) =>
  key.toLowerCase() === "z" && (ctrlKey || metaKey) && !shiftKey;

const isRedo = ({ key, ctrlKey, metaKey, shiftKey }) =>
  (ctrlKey || metaKey) && (key.toLowerCase() === "y" || (key.toLowerCase() === "z" && shiftKey));

const isWriting = ({ target }) =>
  target.matches("textarea, input:not([type=range], [type=checkbox], [type=radio])");

function isTyping(event) {
  const at = event.target;
  return event.ctrlKey || event.metaKey || event.altKey || at.matches("input, textarea, select");
}
