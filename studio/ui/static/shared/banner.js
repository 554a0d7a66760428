// What is wrong with the studio as a whole, over the page: a disk that takes nothing, no answer.

import { whenever } from "./signals.js";
import { troubles } from "./status.js";

export function banner(element) {
  whenever([troubles], () => {
    element.hidden = !troubles.value;
    element.textContent = troubles.value;
  });
}
