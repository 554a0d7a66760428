// The settings of one kind of training: made from what the studio says of each of them.

import { make } from "../shared/dom.js";
import { get } from "../shared/server.js";
import { labelOf } from "./words.js";

const FIRST = [
  "name",
  "trigger",
  "steps",
  "batch_size",
  "rank",
  "vectors",
  "initial_text",
  "learning_rate",
  "validation_split",
];
const LATER = ["seed"];
const ELSEWHERE = ["kind", "checkpoint"];

export class Fields {
  /** onResolution() hears of another side of the pictures. */
  constructor(kind, onResolution) {
    this.kind = kind;
    this.onResolution = onResolution;
    this.controls = new Map();
    this.changed = new Set();
    this.suited = null;
    this.first = [];
    this.more = [];
  }

  /** The side of the pictures that are learnt from, in pixels. */
  get resolution() {
    const own = Number(this.controls.get("resolution")?.value ?? 0);
    return own >= 64 ? own : (this.suited?.resolution ?? 512);
  }

  /** What was not changed by hand becomes what suits the checkpoint. Rejects where it is none that
   * can be trained for. */
  async suit(checkpoint) {
    const asked = new URLSearchParams({ checkpoint, kind: this.kind });
    this.suited = await get(`studio/v1/training/suited?${asked}`);
    const { fields, training } = this.suited;
    if (this.controls.size === 0) this.build(fields);
    for (const [name, control] of this.controls) {
      if (this.changed.has(name)) continue;
      if (control.type === "checkbox") control.checked = training[name];
      else control.value = [training[name] ?? ""].flat().join("\n");
    }
    this.rate();
  }

  /** Prodigy finds its own learning rate, which is multiplied by the one that is set. */
  rate() {
    if (this.changed.has("learning_rate")) return;
    const finds = this.controls.get("optimizer").value === "prodigy";
    this.controls.get("learning_rate").value = finds ? 1 : this.suited.training.learning_rate;
  }

  build(fields) {
    const names = Object.keys(fields).filter((name) => !ELSEWHERE.includes(name));
    const first = FIRST.filter((name) => names.includes(name));
    const rest = names.filter((name) => !FIRST.includes(name) && !LATER.includes(name));
    this.first = first.flatMap((name) => this.field(name, fields[name]));
    this.more = [...rest, ...LATER].flatMap((name) => this.field(name, fields[name]));
  }

  field(name, about) {
    const id = `train-field-${name}`;
    const control = controlOf(id, about);
    control.title = about.description ?? "";
    control.addEventListener("change", () => {
      this.changed.add(name);
      if (name === "resolution") this.onResolution();
      if (name === "optimizer") this.rate();
    });
    this.controls.set(name, control);
    return [make("label", { for: id, title: about.description ?? "" }, labelOf(name)), control];
  }

  /** Field -> what is asked for. */
  get values() {
    const found = { kind: this.kind };
    for (const [name, control] of this.controls) {
      if (control.type === "checkbox") found[name] = control.checked;
      else if (control.type === "number") {
        if (control.value !== "") found[name] = Number(control.value);
      } else if (control.type === "textarea") found[name] = linesOf(control);
      else found[name] = control.value;
    }
    return found;
  }
}

/** What stands on the lines of a text, without empty ones. */
export function linesOf({ value }) {
  return value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** The control of what JSON Schema says of a field. */
function controlOf(id, about) {
  if (about.enum) {
    const select = make("select", { id });
    for (const each of about.enum) select.append(new Option(each, each));
    return select;
  }
  if (about.type === "array")
    return make("textarea", { id, rows: 2, spellcheck: false, placeholder: "One on each line" });
  if (about.type === "boolean") return make("input", { id, type: "checkbox" });
  const number = about.anyOf?.find(({ type }) => type === "number") ?? about;
  if (number.type !== "integer" && number.type !== "number") {
    return make("input", {
      id,
      type: "text",
      maxLength: about.maxLength ?? 1000,
      autocomplete: "off",
    });
  }
  const control = make("input", { id, type: "number" });
  control.step = number.type === "integer" ? String(number.multipleOf ?? 1) : "any";
  const least = number.minimum ?? number.exclusiveMinimum;
  if (least !== undefined) control.min = String(least);
  if (number.maximum !== undefined) control.max = String(number.maximum);
  if (about.anyOf) control.placeholder = "the rank";
  return control;
}
