// Keys within a prompt: weights, chunks, history.

import { value } from "../settings/form.js";
import { moveChunk } from "./chunks.js";
import { apply } from "./edit.js";
import { weigh } from "./weights.js";

export function bindKeys(area, history) {
  area.addEventListener("keydown", (event) => {
    const { key, altKey, ctrlKey, metaKey, shiftKey, isComposing } = event;
    if (isComposing || shiftKey || event.defaultPrevented) return;
    const isCommand = (ctrlKey || metaKey) && !altKey;
    const isAlt = altKey && !ctrlKey && !metaKey;
    const { value: text, selectionStart: start, selectionEnd: end } = area;
    const upwards = { ArrowUp: 1, ArrowDown: -1 }[key];
    const aside = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (isCommand && upwards) {
      event.preventDefault();
      apply(area, weigh(text, start, end, upwards, value("prompt_dialect")));
    } else if (isAlt && aside) {
      event.preventDefault(); // else the browser goes back a page
      apply(area, moveChunk(text, start, end, aside));
    } else if (isAlt && upwards) {
      event.preventDefault();
      history.step(upwards);
    }
  });
}
