// The settings beside the picture go, and come back, by a button or the key \. On a phone they are a
// sheet, which this is not about.

import { targetOf } from "../shared/dom.js";
import { read, write } from "../shared/store.js";

const CLASS = "settings-folded";

export function settingsFold(button) {
  const fold = (folded) => {
    document.body.classList.toggle(CLASS, folded);
    button.setAttribute("aria-expanded", String(!folded));
  };
  const turn = () => {
    const folded = !document.body.classList.contains(CLASS);
    fold(folded);
    write("settings-folded", folded);
  };
  button.addEventListener("click", turn);
  document.addEventListener("keydown", (event) => {
    if (!isKey(event) || isTyping(targetOf(event)) || document.querySelector("dialog:modal"))
      return;
    event.preventDefault();
    turn();
  });
  fold(read("settings-folded", false));
}

/** Where a backslash takes AltGr, the key that stands in its place does too. */
const isKey = ({ key, code, ctrlKey, metaKey, altKey }) =>
  key === "\\" || (code === "Backslash" && !ctrlKey && !metaKey && !altKey);

const isTyping = (at) =>
  at.matches("textarea, select, input:not([type=range], [type=checkbox], [type=color])");
