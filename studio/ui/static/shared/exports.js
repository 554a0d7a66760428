// The form in which pictures are saved: remembered in this browser, for all that is downloaded.

import { address } from "./data.js";
import { signal } from "./signals.js";
import { read, write } from "./store.js";

/** As the studio takes them; what is left out is as the picture lies in the library. */
export const AS_IT_IS = { format: "", quality: 95, side: 0, srgb: false, settings: true, name: "" };

let form = { ...AS_IT_IS, ...read("export", {}) };
const changes = signal();

export const exportForm = () => form;

/** Call `listener(form)` after every change of the form. */
export const onExport = changes.on;

export function setExport(next) {
  form = { ...AS_IT_IS, ...next };
  write("export", form);
  changes.tell(form);
}

/** What is to be added to a picture's address, or an archive's, for a file of the form `of`. */
export function asked(of = form) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) {
    if (value !== AS_IT_IS[name]) query.set(name, String(value));
  }
  return query;
}

/** The path of a picture's file of the form `of`, to be saved; `url` is the picture's. */
export function pathOf(url, of) {
  const query = asked(of);
  query.set("download", "1");
  return `${url}?${query}`;
}

/** Where the file of a picture is, in the form chosen last. */
export const fileAt = (url) => address(pathOf(url, form));

/** Let the browser save what lies at `address`. */
export function save(address) {
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  document.body.append(link);
  link.click();
  link.remove();
}
