// Groups of settings that fold; a folded one shows its values in its header.

import { anyChanged, onChange, resetAll, value } from "./form.js";
import { read, write } from "./store.js";

const SAY = {
  width: (v) => `${v} × ${value("height")}`,
  height: () => null,
  scheduler: (v) => v,
  steps: (v) => `${v}`,
  guidance_scale: (v) => `CFG ${v}`,
  seed: (v) => (v < 0 ? "random" : `${v}`),
  batch_size: (v) => (v === 1 ? "1 picture" : `${v} pictures`),
  guidance_rescale: (v) => (v ? `rescale ${v}` : null),
  clip_skip: (v) => `clip skip ${v}`,
  vae: (v) => v,
  eta: (v) => (v === null ? null : `eta ${v}`),
  s_churn: (v) => (v ? `churn ${v}` : null),
  loras: (v) => v.map(({ name, weight }) => `${name} ${weight}`).join(" · ") || "none",
};

export function group({ element, props }) {
  const root = element.closest(".group");
  const head = element.querySelector(".group-head");
  const summary = element.querySelector(".summary");
  const folds = read("folds", {});
  const fold = (folded) => {
    root.classList.toggle("folded", folded);
    head.setAttribute("aria-expanded", String(!folded));
  };
  const sum = () => {
    const parts = props.fields.map((name) => value(name) !== undefined && SAY[name](value(name)));
    summary.textContent = parts.filter(Boolean).join(" · ");
  };
  head.addEventListener("click", () => {
    const folded = !root.classList.contains("folded");
    fold(folded);
    write("folds", { ...read("folds", {}), [props.title]: folded });
  });
  fold(folds[props.title] ?? root.classList.contains("folded"));
  onChange((name) => props.fields.includes(name) && sum());
  sum();
}

export function settingsFoot({ element }) {
  const button = element.querySelector("button");
  const enable = () => {
    button.disabled = !anyChanged();
    button.title = button.disabled ? "Nothing differs from the defaults" : "";
  };
  button.addEventListener("click", resetAll);
  onChange(enable);
  enable();
}

/** On a phone the settings are a sheet over the page. */
export function sheetHead({ element }) {
  element.querySelector("button").addEventListener("click", () => showSheet(false));
  document.addEventListener("pointerdown", (event) => {
    if (isSheetShown() && !event.target.closest("#settings, .sheet-button, .picker")) showSheet(false);
  });
}

export const isSheetShown = () => document.body.classList.contains("sheet");

export function showSheet(shown) {
  document.body.classList.toggle("sheet", shown);
  document.querySelector(".sheet-button")?.setAttribute("aria-expanded", String(shown));
}
