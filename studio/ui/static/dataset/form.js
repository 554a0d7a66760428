// The fields of a new dataset, and its specification, which may be changed by hand.

import { value } from "../settings/form.js";
import { data } from "../shared/data.js";
import { specOf, steered } from "./spec.js";

const BEGINNING = {
  name: "little world",
  checkpoint: "",
  classes: "house: a {red|blue|white} house\ntree: a {green|orange} tree\nboat: a {white|red} boat",
  template: "__things__, __ground__ __sky__",
  conditions:
    "ground: on a meadow, in the desert, in the snow, by the sea\nsky: by day: 3, at sunset, at night",
  count: "50",
  train: "80",
  val: "10",
  test: "10",
  negatives: "10",
  side: "",
  steps: "12",
};

/** Fields of `form`, and `photos()`, {steering, region}, write its text. What is written there by hand stays, and the
 * fields rest, until the text shall be theirs again: {spec() is the text, steer() says that the
 * photos are others}. */
export function bindForm(form, photos) {
  const fields = Object.fromEntries(
    Object.keys(BEGINNING).map((key) => [key, form.querySelector(`#dataset-${key}`)]),
  );
  fields.checkpoint.append(...data.checkpoints.map(({ name }) => new Option(name, name)));
  const text = form.querySelector("#dataset-spec");
  const byHand = form.querySelector(".dataset-by-hand");
  const rest = (isResting) => {
    byHand.hidden = !isResting;
    for (const field of Object.values(fields)) field.disabled = isResting;
  };
  const write = () => {
    rest(false);
    const values = Object.entries(fields).map(([key, field]) => [key, field.value]);
    text.value = specOf({ ...Object.fromEntries(values), ...photos() });
  };
  for (const [key, field] of Object.entries(fields)) {
    field.value = BEGINNING[key];
    field.addEventListener("input", write);
  }
  fields.checkpoint.value = value("checkpoint") ?? data.checkpoints[0]?.name ?? "";
  text.addEventListener("input", () => rest(true));
  byHand.querySelector("button").addEventListener("click", write);
  write();
  const steer = () => {
    if (byHand.hidden) write();
    else text.value = steered(text.value, photos());
  };
  return { spec: () => text.value, steer };
}
