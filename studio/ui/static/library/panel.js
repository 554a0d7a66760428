// The library beside the picture, where the window is wide enough.

import { read, write } from "../shared/store.js";

const WIDE = matchMedia("(min-width: 1280px)");

export const isPanelShown = () =>
  WIDE.matches &&
  document.body.classList.contains("with-library") &&
  !["library", "models"].includes(document.body.dataset.tab);

/** `look()` is called when it may have come into sight. */
export function bindPanel(root, look) {
  const button = /** @type {HTMLElement} */ (document.querySelector("[data-action=library-panel]"));
  const set = (isOpen) => {
    document.body.classList.toggle("with-library", isOpen);
    button.setAttribute("aria-pressed", String(isOpen));
    write("library-panel", isOpen);
  };
  button.addEventListener("click", () => {
    set(!document.body.classList.contains("with-library"));
    look();
  });
  root.querySelector("[data-action=fold]").addEventListener("click", () => {
    set(false);
    button.focus();
  });
  WIDE.addEventListener("change", look);
  set(read("library-panel", false));
}
