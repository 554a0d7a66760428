// Settings of what draws many pictures at one press: a form within a group, kept in this browser.

import { asked, onChange } from "../settings/form.js";
import { read, write } from "../shared/store.js";
import { onTask } from "../shared/task.js";
import { foretelling } from "./foretelling.js";

/**
 * The fields within `root`, kept under `name`, the words under them, and the button that draws.
 * `json(values, request)` is what `${path}/forecast` takes, null for nothing to ask; `draw(values)`
 * draws, and fails with words for people.
 */
export function manyForm(root, session, name, { path, json, draw }) {
  const fields = [...root.querySelectorAll("select, input[name], textarea")];
  const kept = read(name, {});
  const words = root.querySelector(".grid-words");
  const say = (text, isBad) => {
    words.textContent = text;
    words.classList.toggle("bad", isBad);
  };
  const values = () => Object.fromEntries(fields.map((field) => [keyOf(field), given(field)]));
  const isOpen = () => !root.closest(".group").classList.contains("folded");
  const forecast = foretelling(() => {
    const request = asked();
    // Where a picture is begun with, it may not be there yet.
    if (!isOpen() || request.task.kind !== "text_to_image") return null;
    const asking = json(values(), request);
    return asking && { path: `${path}/forecast`, json: asking };
  }, say);
  for (const field of fields) {
    const value = kept[keyOf(field)];
    if (field.type === "checkbox") field.checked = value ?? false;
    else if (value !== undefined) field.value = value;
    field.addEventListener("input", () => {
      write(name, values());
      forecast.soon();
    });
  }
  const button = root.querySelector("[data-action=draw]");
  button.addEventListener("click", async () => {
    forecast.stop();
    button.disabled = true;
    try {
      await draw(values());
    } catch (error) {
      if (error.isLack) session.lacking();
      say(error.message, true);
    }
    button.disabled = false;
  });
  onChange(forecast.soon);
  onTask(forecast.soon);
  const head = root.closest(".group").querySelector(".group-head");
  head.addEventListener("click", () => setTimeout(forecast.soon));
  forecast.soon();
}

const keyOf = (field) => field.name || "text";

function given(field) {
  if (field.type === "checkbox") return field.checked;
  return field.type === "number" ? field.valueAsNumber || 0 : field.value;
}
