// The dialog that asks in which form a picture is saved.

import { exportForm, pathOf, setExport } from "../shared/exports.js";
import { ask } from "../shared/server.js";

let dialog = null;
let saved = null; // the picture that it is about

export function exporting(element) {
  dialog = /** @type {HTMLDialogElement} */ (element);
  const form = dialog.querySelector("form");
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.querySelector("[data-action=cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    download(form);
  });
}

/** Ask for the form of the file of `picture`, and save it. */
export function downloadAs(picture) {
  saved = picture;
  const { elements } = dialog.querySelector("form");
  for (const [name, value] of Object.entries(exportForm())) {
    const input = elements.namedItem(name);
    if (input.type === "checkbox") input.checked = value;
    else input.value = value || "";
  }
  say("");
  dialog.showModal();
}

async function download({ elements }) {
  const wanted = {
    format: elements.format.value,
    quality: elements.quality.valueAsNumber || undefined,
    side: elements.side.valueAsNumber || 0,
    srgb: elements.srgb.checked,
    settings: elements.settings.checked,
    name: elements.namedItem("name").value.trim(),
  };
  if (!wanted.quality) delete wanted.quality;
  try {
    const answer = await ask(pathOf(saved.url, wanted));
    keep(await answer.blob(), nameIn(answer.headers.get("content-disposition")));
  } catch (error) {
    say(error.message);
    return;
  }
  setExport(wanted);
  dialog.close();
}

/** Let the browser save what came, under the name that came with it. */
function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function nameIn(disposition) {
  const whole = /filename\*=UTF-8''([^;]+)/.exec(disposition);
  return whole ? decodeURIComponent(whole[1]) : (/filename="([^"]+)"/.exec(disposition)?.[1] ?? "");
}

function say(words) {
  dialog.querySelector(".export-lack").textContent = words;
}
