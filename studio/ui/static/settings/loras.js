// LoRAs and embeddings: which are added to the checkpoint, how strongly, and their trigger words.

import { icon, iconButton, make } from "../shared/dom.js";
import { isKnown, look, modelNamed, models } from "../shared/models.js";
import { opens } from "../shared/picker.js";
import { Range } from "../shared/range.js";
import { familyOf, onFit, unfit } from "./choices.js";
import { field, register, value } from "./form.js";

const WEIGHTS = new Range({ minimum: -2, maximum: 2, step: 0.05 }, false);
const LIMIT = 10;
const MOST_WORDS = 8;

export function loras(element) {
  const list = element.querySelector(".loras-list");
  const rows = new Map();
  const one = register(element, (uses) => draw(list, rows, uses));
  const redraw = () => draw(list, rows, one.value);
  onFit(redraw);
  opens(element.querySelector("[data-action=add-lora]"), {
    options: () => addable("lora", one.value),
    choose: (name) => add(name),
    empty: "No LoRA was found in the models folders.",
    placeholder: "Search LoRAs",
    before: look,
  });
  opens(element.querySelector("[data-action=add-embedding]"), {
    options: () => addable("embedding", []),
    choose: insert,
    empty: "No embedding was found in the models folders.",
    placeholder: "Search embeddings",
    before: look,
  });
}

/** Add a LoRA with weight 1, unless it is there already. */
export function add(name) {
  const loras = field("loras");
  if (loras.value.some((use) => use.name === name)) return;
  loras.set([...loras.value, { name, weight: 1, text_encoder_weight: null }]);
}

/** Put a word at the end of the prompt, once. */
export function insert(words) {
  const prompt = field("prompt");
  const has = prompt.value.split(",").some((part) => part.trim() === words);
  if (has) return;
  const before = prompt.value.trimEnd().replace(/,$/, "");
  prompt.set(before ? `${before}, ${words}` : words);
}

function addable(kind, uses) {
  const family = familyOf(value("checkpoint"));
  const options = models(kind).map((ref) => ({
    value: ref.name,
    label: ref.name,
    detail: [ref.family, ref.rank && `rank ${ref.rank}`, ref.title].filter(Boolean).join(" · "),
    why: uses.some((use) => use.name === ref.name) ? "added already" : unfit(ref, family),
  }));
  return options.sort((a, b) => Number(Boolean(a.why)) - Number(Boolean(b.why)));
}

function draw(list, rows, uses) {
  const names = uses.map((use) => use.name);
  for (const [name, row] of rows) {
    if (names.includes(name)) continue;
    row.element.remove();
    rows.delete(name);
  }
  for (const use of uses) {
    if (!rows.has(use.name)) {
      rows.set(use.name, new Use(use.name));
      list.append(rows.get(use.name).element);
    }
    rows.get(use.name).show(use);
  }
}

/** One LoRA in use. */
class Use {
  constructor(name) {
    this.name = name;
    this.unet = weight("Weight", (weight) => this.change({ weight }));
    this.text = weight("Text encoder", (weight) => this.change({ text_encoder_weight: weight }));
    this.split = iconButton("link", "One weight for U-Net and text encoder", () => this.toggle());
    this.problem = make("p", { className: "objection", role: "alert" });
    this.words = make("div", { className: "trigger-words" });
    this.element = make(
      "div",
      { className: "lora" },
      make(
        "div",
        { className: "lora-head" },
        make("span", { className: "lora-name", textContent: name, title: name }),
        this.split,
        iconButton("close", `Remove ${name}`, () => this.remove()),
      ),
      this.unet.element,
      this.text.element,
      this.problem,
      this.words,
    );
  }

  show(use) {
    const isSplit = use.text_encoder_weight !== null && use.text_encoder_weight !== undefined;
    this.use = use;
    this.unet.show(use.weight);
    this.text.show(isSplit ? use.text_encoder_weight : use.weight);
    this.text.element.hidden = !isSplit;
    this.split.setAttribute("aria-pressed", String(!isSplit));
    this.split.title = isSplit
      ? "Use one weight for U-Net and text encoder"
      : "Set the text encoder's weight by itself";
    this.split.setAttribute("aria-label", this.split.title);
    this.describe();
  }

  describe() {
    const ref = modelNamed("lora", this.name);
    const gone = isKnown() && !ref ? "It is not in the models folders any more. Remove it." : "";
    const foreign = ref ? unfit(ref, familyOf(value("checkpoint"))) : "";
    this.problem.textContent = gone || (foreign && `Does not fit: ${foreign}.`);
    const words = (ref?.trigger_words ?? []).slice(0, MOST_WORDS);
    if (words.join() === this.shownWords) return; // a button under a finger must not be replaced
    this.shownWords = words.join();
    this.words.replaceChildren(...words.map(wordButton));
  }

  toggle() {
    const isSplit = !this.text.element.hidden;
    this.change({ text_encoder_weight: isSplit ? null : this.use.weight });
  }

  change(part) {
    const loras = field("loras");
    loras.set(loras.value.map((one) => (one.name === this.name ? { ...one, ...part } : one)));
  }

  remove() {
    const loras = field("loras");
    loras.set(loras.value.filter((one) => one.name !== this.name));
  }
}

function wordButton(word) {
  return make(
    "button",
    {
      type: "button",
      title: "Add to the prompt",
      onclick: () => insert(word),
    },
    icon("plus"),
    word,
  );
}

/** A slider from −2 to 2 with a box that takes more. */
function weight(label, change) {
  const track = make("input", {
    type: "range",
    min: WEIGHTS.minimum,
    max: WEIGHTS.maximum,
    step: WEIGHTS.step,
    "aria-label": `${label} slider`,
  });
  const box = make("input", {
    type: "number",
    min: -LIMIT,
    max: LIMIT,
    step: WEIGHTS.step,
    "aria-label": label,
  });
  const limit = (typed) => Math.min(LIMIT, Math.max(-LIMIT, typed));
  track.addEventListener("input", () => change(WEIGHTS.snap(Number(track.value))));
  track.addEventListener("dblclick", () => change(1));
  box.addEventListener("input", () => box.value !== "" && change(limit(Number(box.value))));
  box.addEventListener("change", () => {
    change(box.value === "" ? 1 : limit(Number(box.value)));
  });
  const show = (value) => {
    if (document.activeElement !== box || Number(box.value) !== value) box.value = value;
    track.value = value;
    track.style.setProperty("--fill", `${100 * WEIGHTS.share(value)}%`);
  };
  const element = make(
    "div",
    { className: "lora-weight" },
    make("span", { className: "lora-weight-name", textContent: label }),
    track,
    box,
  );
  return { element, show };
}
