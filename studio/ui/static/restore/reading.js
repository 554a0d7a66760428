// A file or a text -> its settings, as the studio reads them, and what becomes of the form by them.

import { planned, value } from "../settings/form.js";
import { titleOf, wordsOf } from "../settings/value_words.js";
import { data } from "../shared/data.js";
import { ask } from "../shared/server.js";
import { task } from "../shared/task.js";

const WORDS = ["prompt", "negative_prompt", "styles"];
const SEEDS = ["seed", "variation_seed"];
/** What stands in a text without settings, too. */
const OF_PROMPTS = [...WORDS, "prompt_dialect", "loras"];

/** {source, form, understood, ignored, missing, awaits} of a Blob or a text. */
export async function read(what) {
  const checkpoint = value("checkpoint");
  const query = checkpoint ? `?${new URLSearchParams({ checkpoint })}` : "";
  const sent =
    typeof what === "string"
      ? { json: { text: what } }
      : { body: what, headers: { "Content-Type": what.type || "application/octet-stream" } };
  const answer = await ask(`studio/v1/read/form${query}`, { method: "POST", ...sent });
  return answer.json();
}

export const hasSettings = ({ form }) =>
  Object.keys(form).some((name) => name !== "styles" || form.styles.length > 0);

/** The request that `reading` comes to, by what of it is wanted: "all", "seedless" or "prompts"; and
 * whether the settings that it does not mention go back to their defaults. */
export function wanted({ form, awaits }, what) {
  if (what === "prompts") {
    const words = Object.fromEntries(WORDS.map((name) => [name, form[name] ?? ""]));
    return { request: { ...words, styles: form.styles ?? [] }, whole: false };
  }
  const whole = Object.keys(form).some((name) => !OF_PROMPTS.includes(name));
  const own = awaits.task?.kind in data.tasks ? { task: awaits.task } : {};
  const request = { ...own, ...form };
  const units = [...(form.controls ?? []), ...(awaits.controls ?? [])];
  if (units.length) request.controls = units;
  if (whole) request.task ??= { kind: "text_to_image" };
  if (what === "seedless") for (const name of SEEDS) request[name] = value(name);
  return { request, whole };
}

/** What that changes: [{name, title, old, next, isTold}] of each field, in words; `isTold` where the
 * file speaks of it. */
export function changes({ request, whole }) {
  const kind = request.task?.kind ?? task();
  const told = new Set(planned(request, { kind }).map(([name]) => name));
  return planned(request, { whole, kind }).map(([name, next]) => ({
    name,
    title: titleOf(name),
    old: wordsOf(name, value(name)),
    next: wordsOf(name, next),
    isTold: told.has(name),
  }));
}
