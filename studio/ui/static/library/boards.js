// The shelves above the grid: all, the starred, each board, the trash. And the boards' menu.

import { make } from "../shared/dom.js";
import { boards, carried, carries } from "../shared/pictures.js";

const KEYS = 5;

export class Boards {
  /**
   * of.take(shelf)     show what stands on it; {} are all
   * of.dropped(name)   the selected pictures were dropped on a board
   */
  constructor(root, of) {
    this.root = root;
    this.of = of;
    this.all = []; // {name, count}
    this.shelf = {};
    this.draw();
  }

  /** The name of the board that the key `number` (1 to 5) is for. */
  named(number) {
    return this.all[number - 1]?.name;
  }

  async look() {
    const all = await boards().catch(() => null);
    if (!all || JSON.stringify(all) === JSON.stringify(this.all)) return;
    this.all = all;
    this.draw();
  }

  draw() {
    const { board } = this.shelf;
    const known = this.all.some(({ name }) => name === board);
    const named = board && !known ? [...this.all, { name: board, count: 0 }] : this.all;
    const hadFocus = this.root.contains(document.activeElement);
    this.root.replaceChildren(
      this.button("All", {}),
      this.button("Starred", { starred: true }),
      ...named.map(({ name, count }, place) => this.board(name, count, place)),
      this.button("Trash", { trashed: true }),
    );
    if (hadFocus) this.root.querySelector("[aria-pressed=true]")?.focus();
  }

  button(words, shelf, ...beside) {
    const isShown = JSON.stringify(shelf) === JSON.stringify(this.shelf);
    const take = () => this.take(shelf);
    return make(
      "button",
      { type: "button", "aria-pressed": String(isShown), onclick: take },
      make("b", { textContent: words }),
      ...beside,
    );
  }

  board(name, count, place) {
    const button = this.button(name, { board: name }, make("span", { textContent: count }));
    if (place < KEYS) button.title = `Key ${place + 1} puts the selected pictures on it`;
    button.addEventListener("dragover", (event) => {
      if (!carries(event.dataTransfer)) return;
      event.preventDefault();
      button.classList.add("dropping");
    });
    button.addEventListener("dragleave", () => button.classList.remove("dropping"));
    button.addEventListener("drop", (event) => {
      button.classList.remove("dropping");
      const picture = carried(event.dataTransfer);
      if (picture) this.of.dropped(name, picture.ref.replace("picture:", ""));
    });
    return button;
  }

  take(shelf) {
    this.shelf = shelf;
    this.draw();
    this.of.take(shelf);
  }

  /** Entries of a menu: those that all of `entries` stand on have a tick. */
  menu(entries) {
    const all = this.all.map(({ name }, place) => {
      const isOn = entries.every((one) => one.boards.includes(name));
      const key = place < KEYS ? `${place + 1}  ` : "";
      return make("button", {
        "type": "button",
        "role": "menuitemcheckbox",
        "aria-checked": String(isOn),
        "data-board": name,
        "textContent": `${key}${name}`,
      });
    });
    const anew = make("button", { type: "button", role: "menuitem", textContent: "New board…" });
    return [...all, anew];
  }
}
