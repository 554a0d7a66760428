// Parts of the page that go away by a button and come back; this browser remembers it.

import { read, write } from "./store.js";

/**
 * Let `button` fold a part away: while it is folded the body has the class `name`. Returns what turns
 * it, as the button does.
 * isFolded  whether it is until somebody chooses
 */
export function folding(button, name, isFolded = false) {
  const fold = (folded) => {
    document.body.classList.toggle(name, folded);
    button.setAttribute("aria-expanded", String(!folded));
  };
  const turn = () => {
    const folded = !document.body.classList.contains(name);
    fold(folded);
    write(name, folded);
  };
  button.addEventListener("click", turn);
  fold(read(name, isFolded));
  return turn;
}
