// Before the first picture: one the model really made, and prompts that draw at once.

import { field, onChange, value } from "../settings/form.js";
import { checkpointNamed } from "../shared/data.js";

export function examples(viewer, session) {
  const place = viewer.root.querySelector(".welcome");
  const words = place.firstElementChild;
  const draw = () => {
    const prompts = checkpointNamed(value("checkpoint"))?.examples ?? [];
    place.replaceChildren(words, ...prompts.map((prompt) => button(prompt, session)));
  };
  onChange((name) => name === "checkpoint" && draw());
  draw();
}

function button(prompt, session) {
  const one = document.createElement("button");
  one.type = "button";
  one.className = "plain";
  one.textContent = prompt;
  one.addEventListener("click", () => {
    field("prompt").set(prompt);
    document.getElementById("generate").focus();
    session.generate();
  });
  return one;
}
