// The controls: slider with box, menu, seed, text.

import { checkpointNamed, data } from "../shared/data.js";
import { sayAt } from "../shared/number_box.js";
import { Range } from "../shared/range.js";
import { results } from "../shared/results.js";
import { whenever } from "../shared/signals.js";
import { read } from "../shared/store.js";
import { isEditing, onTask, task } from "../shared/task.js";
import { field, onChange, register, value } from "./form.js";

export function slider(element) {
  const box = element.querySelector("input[type=number]");
  const track = element.querySelector("input[type=range]");
  const { bounds, unset_at: end } = data.fields[element.dataset.field];
  const range = new Range(bounds, track.dataset.scale === "log");
  const unset = range[end];
  const one = register(element, (value) => {
    const at = value ?? unset;
    if (document.activeElement !== box || box.value === "" || Number(box.value) !== value) {
      box.value = value ?? "";
    }
    track.value = range.toTrack(at);
    track.classList.toggle("unset", value === null);
    track.style.setProperty("--fill", `${100 * range.share(at)}%`);
    track.setAttribute("aria-valuetext", value ?? box.placeholder);
  });
  track.addEventListener("input", () => one.set(range.snap(range.fromTrack(Number(track.value)))));
  track.addEventListener("dblclick", () => one.reset());
  track.addEventListener("keydown", (event) => {
    const direction = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (!range.isLogarithmic || !direction) return;
    event.preventDefault();
    one.set(range.snap(one.value + direction * range.step));
  });
  bindBox(box, one, range);
  if (SAMPLER_FIELDS.has(one.name)) enableWhereHonoured(one, box, track);
  if (one.name === "padding") enableWhereOnlyMasked(one, box, track);
  enableWithItsRecord(one);
}

const SAMPLER_FIELDS = new Set(Object.values(data.honours).flat());

/** What the sampler makes no use of is greyed out, and says so. */
function enableWhereHonoured(one, box, track) {
  enableWhere(one, [box, track], "scheduler", (sampler) => {
    const isOff = sampler !== undefined && !(data.honours[sampler] ?? []).includes(one.name);
    return isOff ? `${sampler} makes no use of this.` : "";
  });
}

function enableWhereOnlyMasked(one, box, track) {
  enableWhere(one, [box, track], "area", (area) =>
    area === "only_masked" ? "" : "The whole picture is drawn: choose Only masked as its area.",
  );
}

/** What switches a record within the request on, and what is said while it is off. */
const SWITCHES = {
  hires: ["hires", "Hires. fix is off: switch it on first."],
  refiner: ["refiner_checkpoint", "There is no refiner: choose one first."],
};

/** A field of a record counts only while that is part of the request. */
export function enableWithItsRecord(one) {
  const [other, why] = SWITCHES[one.facts.place[0]] ?? [];
  if (!other || other === one.name) return;
  const controls = one.element.querySelectorAll("input, select, button.choice");
  enableWhere(one, controls, other, (on) => (on ? "" : why));
}

/** Grey `controls` out while `objection(value of the field other)` says why. */
function enableWhere(one, controls, other, objection) {
  const enable = () => {
    const why = objection(value(other));
    for (const control of controls) {
      control.disabled = why !== "";
      control.title = why;
    }
    one.element.classList.toggle("off", why !== "");
  };
  onChange((name) => name === other && enable());
  enable();
}

/** While typing the number counts as it is; once left, as `range` takes it, which is said. */
function bindBox(box, one, range) {
  box.addEventListener("input", () => {
    if (box.value !== "") one.set(Number(box.value));
  });
  box.addEventListener("change", () => {
    const typed = box.value === "" ? null : Number(box.value);
    one.set(typed === null ? one.default : range.accept(typed));
    box.value = one.value;
    sayAt(box, typed === null ? "" : range.words(typed));
  });
}

export function menu(element) {
  const select = element.querySelector("select");
  const show = (value) => {
    select.value = value ?? "";
  };
  const offers = (value) => [...select.options].some((option) => option.value === (value ?? ""));
  const one = register(element, show, offers);
  select.addEventListener("change", () => one.set(select.value || null));
  if (one.name === "noise_schedule") watchObjections(element, select);
  enableWithItsRecord(one);
}

/** Noise schedules the sampler cannot follow are greyed out; too few steps are objected to. */
function watchObjections(element, select) {
  const place = element.querySelector(".objection");
  onChange((name) => {
    const rules = data.objections[value("scheduler")];
    if (!rules || !["scheduler", "noise_schedule", "steps"].includes(name)) return;
    for (const option of select.options) {
      option.disabled = rules[option.value].never !== null;
      option.title = rules[option.value].never ?? "";
    }
    const rule = rules[value("noise_schedule")];
    place.textContent = rule?.never ?? rule?.few[value("steps") - 1] ?? "";
    nameAutomatic(select);
  });
}

function nameAutomatic(select) {
  const means = data.automatic[value("scheduler")];
  const label = [...select.options].find((option) => option.value === means)?.text;
  const automatic = [...select.options].find((option) => option.value === "automatic");
  automatic.text = `Automatic (${label})`;
}

/** Text that is left open where it is empty. */
export function phrase(element) {
  const box = element.querySelector("input");
  const one = register(element, (value) => {
    if (document.activeElement !== box) box.value = value ?? "";
  });
  box.addEventListener("input", () => one.set(box.value || one.declared));
  enableWithItsRecord(one);
}

export function toggle(element) {
  const box = element.querySelector("input");
  const one = register(element, (value) => {
    box.checked = value;
  });
  box.addEventListener("change", () => one.set(box.checked));
}

export function seed(element) {
  const box = element.querySelector("input");
  const one = register(element, (value) => {
    if (document.activeElement !== box || Number(box.value) !== value) box.value = value;
  });
  bindBox(box, one, new Range(one.facts.bounds, false));
  element.querySelector("[data-action=dice]").addEventListener("click", () => one.reset());
  const reuse = element.querySelector("[data-action=reuse]");
  const last = `last_${one.name}`;
  const enable = () => {
    reuse.disabled = read(last, null) === null;
    reuse.title = reuse.disabled ? "No picture yet whose seed to reuse" : "Reuse the last seed";
  };
  reuse.addEventListener("click", () => one.set(read(last, one.value)));
  whenever([results], enable);
}

export function prose(element) {
  const area = element.querySelector("textarea");
  const one = register(element, (value) => {
    if (area.value !== value) area.value = value;
    grow(area);
  });
  area.addEventListener("input", () => one.set(area.value));
  area.addEventListener("blur", () => (area.scrollTop = 0)); // it shows how the prompt begins
  element.addEventListener("pointerdown", (event) => {
    if (event.target !== element) return;
    event.preventDefault();
    area.focus();
  });
  if (one.name === "negative_prompt") foldable(element, area, one);
}

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** The negative prompt folds to one line; what it holds stays in sight. */
function foldable(root, area, one) {
  const toggle = root.querySelector("button");
  const excerpt = root.querySelector(".excerpt");
  const fold = (folded) => {
    root.classList.toggle("folded", folded);
    toggle.setAttribute("aria-expanded", String(!folded));
  };
  toggle.addEventListener("click", () => {
    fold(!root.classList.contains("folded"));
    if (!root.classList.contains("folded")) area.focus();
  });
  onChange((name) => {
    if (name === "negative_prompt") excerpt.textContent = one.value;
  });
  excerpt.textContent = one.value;
}

export function sizes(root) {
  const swap = root.querySelector("[data-action=swap]");
  const follow = root.querySelector("[data-action=as-picture]");
  const draw = () => {
    const ref = checkpointNamed(value("checkpoint"));
    const presets = (ref?.sizes ?? []).map(([width, height]) => preset(width, height));
    root.replaceChildren(follow, ...presets, swap);
    mark();
  };
  const mark = () => {
    follow.hidden = !isEditing();
    follow.textContent = task() === "details" ? "Automatic" : "As the picture";
    follow.setAttribute("aria-pressed", String(!value("width") && !value("height")));
    swap.disabled = !value("width") && !value("height");
    for (const button of root.querySelectorAll("[data-size]")) {
      const chosen = button.dataset.size === `${value("width")}x${value("height")}`;
      button.setAttribute("aria-pressed", String(chosen));
    }
  };
  swap.addEventListener("click", () => setSize(value("height"), value("width")));
  follow.addEventListener("click", () => setSize(null, null));
  onTask(mark);
  onChange((name) => {
    if (name === "checkpoint") draw();
    if (name === "width" || name === "height") mark();
  });
  draw();
}

function preset(width, height) {
  const button = document.createElement("button");
  const shape = document.createElement("i");
  const side = 14 / Math.max(width, height);
  shape.style.width = `${width * side}px`;
  shape.style.height = `${height * side}px`;
  button.type = "button";
  button.dataset.size = `${width}x${height}`;
  button.append(shape, `${width} × ${height}`);
  button.addEventListener("click", () => setSize(width, height));
  return button;
}

function setSize(width, height) {
  field("width").set(width);
  field("height").set(height);
}
