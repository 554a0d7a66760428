// A field and its value as the page shows them.

import { data } from "../shared/data.js";
import { field } from "./form.js";

const listed = (all, words) => all.map(words).join(", ") || "none";

/** What a field is called; of a record's fields with the group, as there are several "Steps". */
export function titleOf(name) {
  const own = field(name).title;
  if (!data.fields[name].place[0]) return own;
  const [group] = Object.entries(data.groups).find(([, { fields }]) => fields.includes(name)) ?? [];
  return group && group !== own ? `${group}: ${own}` : own;
}

export function wordsOf(name, value) {
  const control = document.getElementById(name);
  if (name === "loras") return listed(value, ({ name, weight }) => `${name} ${weight ?? 1}`);
  if (name === "controls") return listed(value, ({ controlnet }) => controlnet);
  if (name === "detailers") return listed(value, ({ detector }) => detector);
  if (name === "styles") return listed(value, (style) => style);
  if (name === "seed" && value < 0) return "random";
  if (control instanceof HTMLSelectElement) {
    const option = [...control.options].find((one) => one.value === (value ?? ""));
    return option?.label ?? String(value);
  }
  if (typeof value === "boolean") return value ? "on" : "off";
  if (value === null || value === undefined)
    return /** @type {HTMLInputElement} */ (control)?.placeholder || "automatic";
  return value === "" ? "none" : String(value);
}
