// Changes of a prompt's text that its own undo takes back.

import { field } from "../settings/form.js";

let isApplying = false;

/** Is the input event that is under way one of `apply`? */
export const isOurs = () => isApplying;

/** Make an edit as in weights.js in the textarea that has the focus; null: nothing. */
export function apply(area, edit) {
  if (!edit) return;
  isApplying = true;
  area.setSelectionRange(edit.from, edit.to);
  // The one way that leaves the undo of the browser whole.
  const command = edit.text === "" ? "delete" : "insertText";
  const isDone = edit.from === edit.to && edit.text === "";
  if (!isDone && !document.execCommand(command, false, edit.text)) {
    area.setRangeText(edit.text, edit.from, edit.to, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  area.setSelectionRange(edit.start, edit.end);
  isApplying = false;
}

/** Let a whole text take the place of what a prompt holds. */
export function replace(area, text) {
  if (area.value === text) return;
  if (document.activeElement !== area) field(area.id).set(text);
  else {
    const { length } = area.value;
    apply(area, { from: 0, to: length, text, start: text.length, end: text.length });
  }
}
