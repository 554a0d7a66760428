// A slider with its box, as the units have many.

import { copyOf } from "../shared/dom.js";
import { sayAt } from "../shared/number_box.js";
import { Range } from "../shared/range.js";

/** Bring `element` (.unit-number) to life: `change(value)` hears of every move, `fallback()` gives
 * the value that a double click brings back. Returns a function that shows a value. */
export function bindNumber(element, { change, fallback }) {
  const [track, box] = element.querySelectorAll("input");
  const range = new Range(
    { minimum: Number(track.min), maximum: Number(track.max), step: Number(track.step) },
    false,
  );
  const take = (value) => change(range.clamp(value));
  track.addEventListener("input", () => take(range.snap(Number(track.value))));
  track.addEventListener("dblclick", () => change(fallback()));
  box.addEventListener("input", () => box.value !== "" && take(Number(box.value)));
  box.addEventListener("change", () => {
    const isEmpty = box.value === "";
    const typed = Number(box.value);
    const taken = isEmpty ? fallback() : range.accept(typed);
    change(taken);
    box.value = taken;
    sayAt(box, isEmpty ? "" : range.words(typed));
  });
  return (value) => {
    if (document.activeElement !== box || Number(box.value) !== value) box.value = value;
    track.value = value;
    track.style.setProperty("--fill", `${100 * range.share(value)}%`);
  };
}

/** A clone of the page's template for one number {name, title, minimum, maximum, step, description}. */
export function numberElement({ name, title, minimum, maximum, step, description }) {
  const element = copyOf("unit-number-template");
  element.dataset.number = name;
  element.title = description;
  element.querySelector("span").textContent = title;
  const [track, box] = element.querySelectorAll("input");
  for (const one of [track, box]) Object.assign(one, { min: minimum, max: maximum, step });
  track.setAttribute("aria-label", `${title} slider`);
  box.setAttribute("aria-label", title);
  return element;
}
