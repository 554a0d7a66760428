// What this browser is asked to do as one likes it: the gear of the top bar. Each takes effect at once.

import { make } from "../shared/dom.js";
import { AS_IT_IS, exportForm, setExport } from "../shared/exports.js";
import { sayAt } from "../shared/number_box.js";
import { Range } from "../shared/range.js";
import { read, write } from "../shared/store.js";
import { allPresets, defaultPreset, lookForPresets, setDefaultPreset } from "./presets.js";

const QUALITIES = new Range({ minimum: 1, maximum: 100, step: 1 }, false);

export function preferences(element) {
  const dialog = /** @type {HTMLDialogElement} */ (element);
  const controls = /** @type {any} */ (dialog.querySelector("form").elements);
  const { theme, preset, previews, format, quality, settings } = controls;
  dialog.querySelector("[href='#safety']").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  for (const button of document.querySelectorAll("[data-action=preferences]")) {
    button.addEventListener("click", () => {
      theme.value = read("theme", "");
      showPresets(preset);
      previews.value = String(read("previews", 0));
      const form = exportForm();
      format.value = form.format;
      quality.value = form.quality;
      settings.checked = form.settings;
      dialog.showModal();
    });
  }
  theme.addEventListener("change", () => {
    write("theme", theme.value);
    document.documentElement.style.colorScheme = theme.value;
  });
  preset.addEventListener("change", () => setDefaultPreset(preset.value || null));
  previews.addEventListener("change", () => write("previews", Number(previews.value)));
  for (const one of [format, quality, settings]) {
    one.addEventListener("change", () => {
      const typed = quality.value === "" ? AS_IT_IS.quality : Number(quality.value);
      if (one === quality) sayAt(quality, QUALITIES.words(typed));
      quality.value = QUALITIES.accept(typed);
      const now = { format: format.value, quality: quality.valueAsNumber };
      setExport({ ...exportForm(), ...now, settings: settings.checked });
    });
  }
}

async function showPresets(menu) {
  const chosen = defaultPreset() ?? "";
  const show = () => {
    const known = allPresets().map(({ name }) => name);
    const gone = chosen && !known.includes(chosen) ? [chosen] : []; // deleted, or another login's
    const options = [...known, ...gone].map((name) =>
      make("option", { value: name, textContent: name }),
    );
    menu.replaceChildren(make("option", { value: "", textContent: "None" }), ...options);
    menu.value = chosen;
  };
  show();
  if (await lookForPresets()) show();
}
