// Before the first picture: one the model really made, and prompts to begin with.

import { field, onChange, value } from "../settings/form.js";
import { checkpointNamed } from "../shared/data.js";

export function examples(viewer) {
  const place = viewer.root.querySelector(".welcome");
  const words = place.firstElementChild;
  const draw = () => {
    const prompts = checkpointNamed(value("checkpoint"))?.examples ?? [];
    place.replaceChildren(words, ...prompts.map(button));
  };
  onChange((name) => name === "checkpoint" && draw());
  draw();
}

function button(prompt) {
  const one = document.createElement("button");
  one.type = "button";
  one.className = "plain";
  one.textContent = prompt;
  one.addEventListener("click", () => {
    field("prompt").set(prompt);
    document.getElementById("generate").focus();
  });
  return one;
}
