// All that is known of one picture, in words.

import { make } from "../shared/dom.js";
import { labelOf } from "../shared/task.js";
import { kindName, promise, size } from "../shared/words.js";
import { settingsIn } from "./settings_words.js";

/** Fill the side `root` with what `GET images/{id}/details` says of a picture. */
export function tell(root, about) {
  const { prompt, negative, rows } = settingsIn(about.infotext ?? "");
  root.querySelector(".picture-prompt").textContent = prompt || about.prompt || "No prompt";
  root.querySelector(".picture-negative").textContent = negative && `Not: ${negative}`;
  const warnings = (about.warnings ?? []).map((words) => make("li", { textContent: words }));
  root.querySelector(".picture-warnings").replaceChildren(...warnings);
  const all = [...facts(about), ...models(about), ...rows.filter(([label]) => !TOLD.has(label))];
  root.querySelector(".picture-rows").replaceChildren(...all.map(row));
}

/** Clear it: another picture is on its way, or none is there. */
export function untell(root) {
  for (const name of ["prompt", "negative"])
    root.querySelector(`.picture-${name}`).textContent = "";
  for (const name of ["warnings", "rows"]) root.querySelector(`.picture-${name}`).replaceChildren();
}

const TOLD = new Set(["Model", "Model hash", "VAE", "VAE hash", "Lora hashes", "TI hashes"]);

function facts(about) {
  const made = new Date(about.created);
  const words = promise({ ...about, request: about.request ?? {} }).words;
  return [
    ["Made", made.toLocaleString()],
    ["By", about.owner],
    ["How", about.task && labelOf(about.task)],
    ["Picture", `${about.width} × ${about.height}`],
    ["File", about.size_bytes && size(about.size_bytes)],
    ["Stopped early", about.partial && "yes"],
    ["Promise", words],
    ["Boards", about.boards?.join(", ")],
  ].filter(([, value]) => value);
}

const models = (about) =>
  (about.models ?? []).map(({ kind, name, hash }) => [
    kindName(kind),
    hash ? `${name} [${hash}]` : name,
  ]);

const row = ([label, value]) =>
  make("div", {}, make("dt", { textContent: label }), make("dd", { textContent: String(value) }));
