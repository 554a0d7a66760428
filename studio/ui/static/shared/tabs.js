// The tabs of the top bar. All of them are in the page; the address says which one shows.

import { signal } from "./signals.js";

const shown = signal("");
let show = (/** @type {string} */ _name) => {};

export const shownTab = () => shown.value;
export const isShown = (name) => shown.value === name;

/** Call `listener(name)` whenever another tab shows. */
export const onTab = shown.on;

export function showTab(name) {
  if (location.hash !== `#${name}`) location.hash = name;
  show(name);
}

export function tabs(element) {
  const links = [...element.querySelectorAll("a")];
  const names = links.map((link) => link.hash.slice(1));
  show = (asked) => {
    const name = names.includes(asked) ? asked : names[0];
    if (name === shown.value) return;
    document.body.dataset.tab = name;
    for (const link of links) {
      if (link.hash === `#${name}`) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" }); // the row of tabs may scroll
      } else link.removeAttribute("aria-current");
    }
    shown.value = name;
  };
  // At the click: the browser's own event for a new address comes some frames later.
  for (const link of links) link.addEventListener("click", () => show(link.hash.slice(1)));
  addEventListener("hashchange", () => show(location.hash.slice(1)));
  show(location.hash.slice(1));
}
