// Small panels that open under what was pressed.

/** Put `root`, which is open, under the rectangle `at`, within the window. */
export function under(root, at) {
  const most = document.documentElement.clientWidth - root.offsetWidth - 8;
  const left = Math.max(8, Math.min(at.left, most));
  const isBelow = innerHeight - at.bottom > root.offsetHeight + 12;
  const top = isBelow ? at.bottom + 4 : Math.max(8, at.top - root.offsetHeight - 4);
  root.style.left = `${left}px`;
  root.style.top = `${top}px`;
}

/** Escape closes `root` and nothing else; `opened()` is called when it is open. */
export function panel(root, opened) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.stopPropagation();
  });
  root.addEventListener("toggle", (event) => {
    if (event.newState === "open") opened();
  });
}
