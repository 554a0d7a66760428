// The tabs of the top bar. All of them are in the page; the address says which one shows. Those used
// less are behind More; on a phone they stand in the row, which scrolls.

import { edges } from "./edges.js";
import { signal } from "./signals.js";

const WIDTH_PX = 160; // of the list behind More, as its style says

const shown = signal("");
const turns = signal();
let show = (/** @type {string} */ _name, _how = {}) => {};

export const shownTab = () => shown.value;
export const isShown = (name) => shown.value === name;

/** Call `listener(name)` whenever another tab shows. */
export const onTab = shown.on;

/** Call `listener(name)` when somebody turns to another tab by hand, just before it shows. */
export const onTurn = turns.on;

export function showTab(name) {
  if (location.hash !== `#${name}`) location.hash = name;
  show(name);
}

export function tabs(element) {
  const links = [...element.querySelectorAll("a")];
  const markMore = moreTabs(element);
  const names = links.map((link) => link.hash.slice(1));
  show = (asked, { byHand = false } = {}) => {
    const name = names.includes(asked) ? asked : names[0];
    if (name === shown.value) return;
    if (byHand) turns.tell(name);
    document.body.dataset.tab = name;
    for (const link of links) {
      if (link.hash === `#${name}`) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" }); // the row of tabs may scroll
      } else link.removeAttribute("aria-current");
    }
    markMore();
    shown.value = name;
  };
  edges(element);
  // At the click: the browser's own event for a new address comes some frames later.
  const turn = (hash) => show(hash.slice(1), { byHand: true });
  for (const link of links) link.addEventListener("click", () => turn(link.hash));
  addEventListener("hashchange", () => turn(location.hash));
  show(location.hash.slice(1));
}

/** Gives what shows on More that the tab in sight is behind it. */
function moreTabs(element) {
  const button = element.querySelector(".tabs-more");
  const list = element.querySelector("[popover]");
  list.addEventListener("beforetoggle", () => {
    const { left, bottom } = button.getBoundingClientRect();
    list.style.left = `${Math.min(left, innerWidth - WIDTH_PX)}px`;
    list.style.top = `${bottom}px`;
  });
  list.addEventListener("click", () => list.hidePopover());
  list.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation(); // it closes the list, nothing else
  });
  return () => {
    const isBehind = list.querySelector("[aria-current]") !== null;
    button.classList.toggle("current", isBehind);
    if (isBehind) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
}
