// All about one model: facts, notes, and the settings it brings when it is chosen.

import { field } from "../settings/form.js";
import { add, insert } from "../settings/loras.js";
import { data } from "../shared/data.js";
import { icon, iconButton, make } from "../shared/dom.js";
import { change, discard, models } from "../shared/models.js";
import { showTab } from "../shared/tabs.js";
import { kindName, size } from "../shared/words.js";
import { coverOf, starOf } from "./cards.js";

const PREDICTIONS = { epsilon: "epsilon", v_prediction: "v-prediction" };
const USES = {
  checkpoint: ["Use this checkpoint", (name) => field("checkpoint").set(name)],
  vae: ["Use this VAE", (name) => field("vae").set(name)],
  lora: ["Add to the picture", add],
  embedding: ["Put into the prompt", insert],
};

export class Details {
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.shown = null;
    this.saving = Promise.resolve();
  }

  show(model) {
    const isSame = JSON.stringify(model) === JSON.stringify(this.shown);
    const isSameModel = model && this.shown?.path === model.path;
    this.shown = model;
    const at = document.activeElement;
    const isWithin = isSameModel && this.root.contains(at);
    if (isSame || (isWithin && at.matches("input, textarea, select"))) return;
    this.root.replaceChildren(...(model ? this.parts(model) : []));
    const star = /** @type {HTMLElement} */ (this.root.querySelector(".model-star"));
    if (isWithin) star?.focus(); // the button that was pressed is gone
    if (!isSameModel) this.root.scrollTop = 0;
  }

  parts(model) {
    const head = make(
      "div",
      { className: "details-head" },
      make("h2", { textContent: model.name }),
      model.reason ? null : starOf(model, (words) => this.say(words)),
      iconButton("close", "Close the details", () => this.on.close()),
    );
    if (model.reason)
      return [head, make("p", { className: "objection", textContent: model.reason }), facts(model)];
    this.saved = make("p", { className: "saved", role: "status" });
    return [
      head,
      model.title && model.title !== model.name
        ? make("p", { className: "details-title", textContent: model.title })
        : "",
      this.cover(model),
      this.actions(model),
      facts(model),
      words(model),
      this.notes(model),
      model.kind === "checkpoint" ? this.defaults(model) : "",
      this.saved,
    ];
  }

  say(words) {
    this.saved.textContent = words;
  }

  /** The picture that stands for it; one that was chosen can be taken off. */
  cover(model) {
    if (!model.cover_url) return "";
    const off = iconButton("close", "Take the cover off", () => this.save(model, { cover: null }));
    return make("div", { className: "details-cover" }, coverOf(model), model.cover ? off : null);
  }

  actions(model) {
    const [label, act] = USES[model.kind] ?? [];
    const use = make("button", { type: "button", className: "primary small", textContent: label });
    use.addEventListener("click", () => {
      act(model.name);
      showTab("text-to-image");
    });
    const remove = make("button", { type: "button", className: "plain" }, icon("trash"), "Delete");
    remove.disabled = !model.removable;
    remove.title = model.removable ? "Move to the trash" : "This model comes with the studio.";
    remove.addEventListener("click", async () => {
      remove.disabled = true;
      try {
        const { id } = await discard(model);
        this.on.thrown(model, id);
      } catch (error) {
        this.saved.textContent = error.message;
        remove.disabled = false;
      }
    });
    return make("div", { className: "details-actions" }, label ? use : null, remove);
  }

  notes(model) {
    const area = make("textarea", {
      id: "model-notes",
      rows: 3,
      value: model.notes,
      maxLength: 10000,
    });
    area.addEventListener("change", () => this.save(model, { notes: area.value }));
    return make(
      "div",
      { className: "details-notes" },
      make("label", { for: "model-notes", textContent: "Notes" }),
      area,
    );
  }

  /** What fields take when this checkpoint is chosen; empty ones take what suits its family. */
  defaults(model) {
    const { own } = model;
    const keep = (name, value) => this.save(model, { [name]: value === "" ? null : value });
    const number = (name) => {
      const { declared, facts, title } = field(name);
      const { minimum, maximum, step } = facts.bounds;
      const box = make("input", {
        type: "number",
        id: `default-${name}`,
        min: minimum,
        max: maximum,
        step,
        value: own[name] ?? "",
        placeholder: model.family_defaults[name] ?? declared ?? "",
      });
      box.addEventListener("change", () => keep(name, box.value === "" ? null : Number(box.value)));
      return line(title, box);
    };
    const menu = (name, options, placeholder) => {
      const select = make("select", { id: `default-${name}` }, new Option(placeholder, ""));
      for (const option of options) select.add(new Option(option, option));
      select.value = own[name] ?? "";
      select.addEventListener("change", () => keep(name, select.value));
      return line(field(name).title, select);
    };
    return make(
      "div",
      { className: "details-defaults" },
      make("h3", { textContent: "Settings it brings" }),
      number("steps"),
      number("guidance_scale"),
      menu("scheduler", Object.keys(data.automatic), "Default"),
      number("width"),
      number("height"),
      menu(
        "vae",
        models("vae").map((one) => one.name),
        "Automatic",
      ),
      number("clip_skip"),
      this.prediction(model),
    );
  }

  prediction(model) {
    const detected = model.prediction_override ? null : PREDICTIONS[model.prediction_type];
    const select = make(
      "select",
      { id: "prediction-type" },
      new Option(detected ? `Automatic (${detected})` : "Automatic", ""),
      ...Object.entries(PREDICTIONS).map(([value, label]) => new Option(label, value)),
    );
    select.value = model.prediction_override ?? "";
    select.addEventListener("change", () => {
      this.save(model, { prediction_type: select.value || null });
    });
    return line("Prediction type", select);
  }

  /** One change after the other, so that the last one made is the one that stays. */
  save(model, fields) {
    const { saved } = this;
    saved.textContent = "Saving";
    this.saving = this.saving
      .then(() => change(model, fields))
      .then(
        () => "Saved",
        (error) => error.message,
      )
      .then((words) => {
        saved.textContent = words;
      });
  }
}

const line = (title, control) =>
  make(
    "div",
    { className: "details-line" },
    make("label", { for: control.id, textContent: title }),
    control,
  );

function facts(model) {
  const rows = {
    Kind: model.reason ? null : kindName(model.kind),
    Family: model.family ?? (model.reason ? null : "unknown"),
    "Made for": { inpaint: "inpainting", depth: "depth", pix2pix: "editing by words" }[model.task],
    Precision: model.dtype,
    Rank: model.rank,
    Scale: model.scale && `×${model.scale}`,
    Vectors: model.vectors,
    Size: model.size_bytes ? size(model.size_bytes) : null,
    Hash: model.short_hash ?? (model.reason ? null : "not computed yet"),
    SHA256: model.sha256,
    Path: model.path,
  };
  const list = make("dl", { className: "facts-list" });
  for (const [name, value] of Object.entries(rows)) {
    if (value === null || value === undefined || value === "") continue;
    list.append(
      make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value })),
    );
  }
  return list;
}

function words(model) {
  if (!model.trigger_words.length) return "";
  const buttons = model.trigger_words.map((word) =>
    make(
      "button",
      { type: "button", title: "Add to the prompt", onclick: () => insert(word) },
      icon("plus"),
      word,
    ),
  );
  return make("div", { className: "trigger-words" }, ...buttons);
}
