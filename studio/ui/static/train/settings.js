// What is asked of a training: its kind, its checkpoint, the settings of that kind, its samples.

import { value } from "../settings/form.js";
import { data } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { Fields, linesOf } from "./fields.js";
import { KINDS } from "./words.js";

export class Settings {
  /** of.set() is the set's name; of.begun(training) hears of one that was queued; of.resized() of
   * another side of the pictures. */
  constructor(form, of) {
    this.form = form;
    this.of = of;
    this.first = form.querySelector("[data-of=first]");
    this.more = form.querySelector("[data-of=more]");
    this.says = form.querySelector(".objection");
    this.prompts = form.querySelector("#train-prompts");
    this.prompts.value = read("train.prompts", "");
    this.prompts.addEventListener("change", () => write("train.prompts", this.prompts.value));
    this.kind = choice("train-kind", Object.entries(KINDS), () => this.suit());
    const names = data.checkpoints.map(({ name }) => [name, name]);
    this.checkpoint = choice("train-checkpoint", names, () => this.suit());
    this.checkpoint.value = value("checkpoint") ?? data.checkpoints[0]?.name;
    this.head = [
      ...[make("label", { for: "train-kind" }, "What is trained"), this.kind],
      ...[make("label", { for: "train-checkpoint" }, "Checkpoint"), this.checkpoint],
    ];
    const ofKind = (kind) => [kind, new Fields(kind, () => of.resized())];
    this.ofKinds = Object.fromEntries(Object.keys(KINDS).map(ofKind));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
  }

  /** The settings of the kind that is chosen; of the others each keeps what was set. */
  get fields() {
    return this.ofKinds[this.kind.value];
  }

  /** The side of the pictures that are learnt from, in pixels. */
  get resolution() {
    return this.fields.resolution;
  }

  /** Show the settings of the kind, as they suit the checkpoint. */
  async suit() {
    const { fields } = this;
    this.says.textContent = "";
    try {
      await fields.suit(this.checkpoint.value);
    } catch (error) {
      this.says.textContent = error.message;
    }
    if (fields !== this.fields) return; // another was chosen meanwhile
    this.first.replaceChildren(...this.head, ...fields.first);
    this.more.replaceChildren(...fields.more);
    this.of.resized();
  }

  asked() {
    const number = (id) => Number(this.form.querySelector(id).value);
    const [since, until] = ["#train-since", "#train-until"].map(
      (id) => this.form.querySelector(id).value,
    );
    return {
      pictures: this.of.set(),
      training: { checkpoint: this.checkpoint.value, ...this.fields.values },
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
      this.says.textContent =
        "There are no pictures to learn from. Drop some under Pictures first.";
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

/** A menu of [value, label]; onChange() hears of another choice. */
function choice(id, options, onChange) {
  const select = make("select", { id });
  for (const [value, label] of options) select.append(new Option(label, value));
  select.addEventListener("change", onChange);
  return select;
}
