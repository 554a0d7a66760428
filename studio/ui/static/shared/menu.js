// A short menu that a button opens above itself, or below where there is no room.

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** `choose(dataset)` gets the data attributes of the entry that was chosen. */
export function menuOf(button, list, choose) {
  const entries = () => [...list.children].filter((entry) => entry.checkVisibility());
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  for (const entry of list.children) entry.setAttribute("role", "menuitem");
  button.addEventListener("click", () => {
    list.showPopover();
    place(button, list);
    entries()[0]?.focus();
  });
  list.addEventListener("toggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
  });
  list.addEventListener("click", (event) => {
    if (event.target === list) return;
    list.hidePopover();
    choose(event.target.dataset);
  });
  list.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation(); // it closes the menu, nothing else
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const all = entries();
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  });
}

function place(button, list) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const above = top - list.offsetHeight - 4;
  list.style.left = `${Math.min(left, right - list.offsetWidth)}px`;
  list.style.top = `${above < 0 ? bottom + 4 : above}px`;
}
