// Groups of settings that fold; a folded one shows its values in its header.

import { data } from "../shared/data.js";
import { targetOf } from "../shared/dom.js";
import { read, write } from "../shared/store.js";
import { onTask, task } from "../shared/task.js";
import { anyChanged, field, onChange, resetAll, value } from "./form.js";
import { defaultPreset, putDefaultPreset } from "./presets.js";

/** Of fields whose words follow no pattern. */
const SUMMARIES = {
  width: (v) => sizeWords(v, value("height")),
  hires: (v) => (v ? `${value("hires_factor")} ×` : "off"),
  hires_upscaler: (v) => (value("hires") ? v : ""),
  hires_strength: (v) => (value("hires") ? `strength ${v}` : ""),
  refiner_checkpoint: (v) => v ?? "none",
  refiner_switch_at: (v) => (value("refiner_checkpoint") ? `from ${v}` : ""),
  seed: (v) => (v < 0 ? "random" : `${v}`),
  batch_size: (v) => (v === 1 ? "1 picture" : `${v} pictures`),
  padding: (v) => (value("area") === "only_masked" ? `padding ${v}` : ""),
  controls: (v) => v.map((unit) => unit.controlnet).join(" · ") || "none",
  detailers: (v) =>
    v
      .filter(({ active }) => active)
      .map(({ detector }) => detector)
      .join(" · ") || "off",
  loras: (v) => v.map(({ name, weight }) => `${name} ${weight}`).join(" · ") || "none",
};

/** What the header of a folded group says of a field; "" for nothing. */
function summaryOf(name) {
  const now = value(name);
  if (name in SUMMARIES) return SUMMARIES[name](now);
  const { summary, always, default: usual } = data.fields[name];
  if (!always && now === usual) return "";
  return summary.replace("{label}", () => labelOf(name)).replace("{}", () => now);
}

function sizeWords(width, height) {
  if (width || height) return `${width ?? "auto"} × ${height ?? "auto"}`;
  return task() === "details" ? "automatic" : "as the picture";
}

/** The label of a menu's chosen entry. */
const labelOf = (name) => {
  const menu = /** @type {HTMLSelectElement | null} */ (document.getElementById(name));
  return menu?.selectedOptions[0]?.label.toLowerCase() ?? "";
};

export function group(root) {
  const head = root.querySelector(".group-head");
  const summary = root.querySelector(".summary");
  const title = root.dataset.group;
  const { fields, kinds, open } = data.groups[title];
  const usual = root.classList.contains("folded");
  const fold = (folded) => {
    root.classList.toggle("folded", folded);
    head.setAttribute("aria-expanded", String(!folded));
  };
  const sum = () => {
    const shown = fields.filter((name) => field(name)?.isShown);
    const parts = shown.map(summaryOf);
    summary.textContent = parts.filter(Boolean).join(" · ");
  };
  const isAbout = () => open.includes(task());
  const key = () => (isAbout() ? `${title}@${task()}` : title);
  head.addEventListener("click", () => {
    const folded = !root.classList.contains("folded");
    fold(folded);
    write("folds", { ...read("folds", {}), [key()]: folded });
  });
  const [{ parentElement: all }, next] = [root, root.nextElementSibling];
  const turn = () => {
    if (open.length) all.insertBefore(root, isAbout() ? all.querySelector(".group") : next);
    root.hidden = kinds.length > 0 && !kinds.includes(task());
    fold(read("folds", {})[key()] ?? (usual && !isAbout()));
    sum();
  };
  onChange((name) => fields.includes(name) && sum());
  onTask(turn);
  turn();
}

export function settingsFoot(element, session) {
  const button = element.querySelector("[data-action=reset-all]");
  const enable = () => {
    button.disabled = !anyChanged();
    button.title = button.disabled ? "Nothing differs from the defaults" : "";
  };
  button.addEventListener("click", () => {
    const undo = resetAll();
    const undoPreset = putDefaultPreset();
    const words = undoPreset
      ? `All settings are as the preset ${defaultPreset()} and their defaults are`
      : "All settings are as their defaults";
    session.viewer.offer(words, () => {
      undo();
      undoPreset?.();
    });
  });
  onChange(enable);
  onTask(enable);
  enable();
}

/** On a phone the settings are a sheet over the page. */
export function sheetHead(element) {
  element.querySelector("button").addEventListener("click", () => showSheet(false));
  document.addEventListener("pointerdown", (event) => {
    const isInside = targetOf(event).closest("#settings, .sheet-button, .picker");
    if (isSheetShown() && !isInside) showSheet(false);
  });
}

export const isSheetShown = () => document.body.classList.contains("sheet");

export function showSheet(shown) {
  document.body.classList.toggle("sheet", shown);
  document.querySelector(".sheet-button")?.setAttribute("aria-expanded", String(shown));
}
