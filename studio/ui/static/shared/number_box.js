// What number boxes take and say beyond a browser's own: a comma as decimal point, and a quiet line
// where a typed number became another.

import { make, targetOf } from "./dom.js";

const POINT = new Intl.NumberFormat().formatToParts(0.5)[1].value;

/** "1,5" is 1.5 in every box for fractions, also where the browser would leave the comma out. */
export function takeCommas(root) {
  if (POINT === ",") return; // the browser takes it itself
  root.addEventListener("beforeinput", (event) => {
    const box = /** @type {HTMLInputElement} */ (targetOf(event));
    const isFraction = box.type === "number" && !Number.isInteger(Number(box.step || 1));
    if (!isFraction || !event.data?.includes(",")) return;
    event.preventDefault();
    document.execCommand("insertText", false, event.data.replaceAll(",", "."));
  });
}

/** Say below `box` what became of the number typed into it; "" for nothing. It is read out, too. */
export function sayAt(box, words) {
  const place = box.closest(".field, .unit-number") ?? box.parentElement;
  let line = place.querySelector(":scope > .number-words");
  if (!line && words) {
    line = make("p", { className: "number-words", "aria-live": "polite" });
    place.append(line);
    box.addEventListener("input", () => sayAt(box, ""));
  }
  if (line) line.textContent = words;
}
