// The settings of a training: made from what the studio says of each of them.

import { value } from "../settings/form.js";
import { data } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { labelOf } from "./words.js";

const FIRST = [
  "name",
  "trigger",
  "steps",
  "batch_size",
  "rank",
  "learning_rate",
  "validation_split",
];
const LATER = ["seed"];

export class Settings {
  /** of.set() is the set's name; of.begun(training) hears of one that was queued. */
  constructor(form, of) {
    this.form = form;
    this.of = of;
    this.controls = new Map();
    this.changed = new Set();
    this.suited = null;
    this.onResolution = () => {};
    this.first = form.querySelector("[data-of=first]");
    this.more = form.querySelector("[data-of=more]");
    this.says = form.querySelector(".objection");
    this.prompts = form.querySelector("#train-prompts");
    this.prompts.value = read("train.prompts", "");
    this.prompts.addEventListener("change", () => write("train.prompts", this.prompts.value));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
  }

  /** The side of the pictures that are learnt from, in pixels. */
  get resolution() {
    const own = Number(this.controls.get("resolution")?.value ?? 0);
    return own >= 64 ? own : (this.suited?.resolution ?? 512);
  }

  async begin() {
    const id = "train-checkpoint";
    this.checkpoint = make("select", { id });
    for (const { name } of data.checkpoints) this.checkpoint.append(new Option(name, name));
    this.checkpoint.value = value("checkpoint") ?? data.checkpoints[0]?.name;
    this.checkpoint.addEventListener("change", () => this.suit().then(() => this.onResolution()));
    this.first.append(make("label", { for: id }, "Checkpoint"), this.checkpoint);
    await this.suit();
  }

  /** What was not changed by hand becomes what suits the checkpoint. */
  async suit() {
    const asked = encodeURIComponent(this.checkpoint.value);
    try {
      this.suited = await get(`studio/v1/training/suited?checkpoint=${asked}`);
    } catch (error) {
      this.says.textContent = error.message;
      return;
    }
    this.says.textContent = "";
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
    const names = Object.keys(fields).filter((name) => name !== "checkpoint");
    const rest = names.filter((name) => !FIRST.includes(name) && !LATER.includes(name));
    for (const name of FIRST) this.first.append(...this.field(name, fields[name]));
    for (const name of [...rest, ...LATER]) this.more.append(...this.field(name, fields[name]));
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

  asked() {
    const training = { checkpoint: this.checkpoint.value };
    for (const [name, control] of this.controls) {
      if (control.type === "checkbox") training[name] = control.checked;
      else if (control.type === "number") {
        if (control.value !== "") training[name] = Number(control.value);
      } else if (control.type === "textarea") training[name] = linesOf(control);
      else training[name] = control.value;
    }
    const number = (id) => Number(this.form.querySelector(id).value);
    const [since, until] = ["#train-since", "#train-until"].map(
      (id) => this.form.querySelector(id).value,
    );
    return {
      pictures: this.of.set(),
      training,
      hours: since || until ? { since, until } : null,
      samples: {
        prompts: linesOf(this.prompts),
        every: number("#train-every"),
        seed: number("#train-seed"),
      },
    };
  }

  async start() {
    this.says.textContent = "";
    if (!this.of.set()) {
      this.says.textContent = "There are no pictures to learn from. Make a set and add some.";
      return;
    }
    const { hours } = this.asked();
    if (hours && !(hours.since && hours.until)) {
      this.says.textContent = "Only between when and when? Say both times, or neither.";
      return;
    }
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      this.of.begun(await send("POST", "studio/v1/training", this.asked()));
    } catch (error) {
      this.says.textContent = error.message;
    }
    button.disabled = false;
  }
}

/** What stands on the lines of a text, without empty ones. */
function linesOf({ value }) {
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
