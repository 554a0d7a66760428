// The settings beside the picture go, and come back, by a button or the key \. On a phone they are a
// sheet, which this is not about.

import { targetOf } from "../shared/dom.js";
import { folding } from "../shared/folding.js";

export function settingsFold(button) {
  const turn = folding(button, "settings-folded");
  document.addEventListener("keydown", (event) => {
    if (!isKey(event) || isTyping(targetOf(event)) || document.querySelector("dialog:modal"))
      return;
    event.preventDefault();
    turn();
  });
}

/** Where a backslash takes AltGr, the key that stands in its place does too. */
const isKey = ({ key, code, ctrlKey, metaKey, altKey }) =>
  key === "\\" || (code === "Backslash" && !ctrlKey && !metaKey && !altKey);

const isTyping = (at) =>
  at.matches("textarea, select, input:not([type=range], [type=checkbox], [type=color])");
