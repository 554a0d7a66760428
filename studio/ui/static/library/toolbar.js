// The library's foot: how many there are, what was done, and what can be done with those selected.
// The same stands in the menu of the right mouse button.

import { make } from "../shared/dom.js";
import { menuOf } from "../shared/menu.js";
import { many, sendWords } from "./actions.js";

const SAID_MS = 8000;
const UNDO_MS = 60000;

/** Where an action is there: how many pictures it is for, and whether they lie in the trash. */
const FOR = {
  star: { least: 1 },
  board: { least: 1 },
  note: { least: 1, most: 1 },
  send: { least: 1, most: 1 },
  apply: { least: 1, most: 1 },
  compare: { least: 2, most: 2 },
  cull: { least: 0 },
  download: { least: 1 },
  export: { least: 0 },
  trash: { least: 1 },
  restore: { least: 1, isTrash: true },
  remove: { least: 1, isTrash: true },
  empty: { least: 0, isTrash: true },
  none: { least: 1, always: true },
};

export class Toolbar {
  /**
   * of.act(name, detail)  does it with the pictures that are selected; detail is the kind of a task
   *                       or the name of a board ("" for a new one)
   * of.targets()          those that are selected
   * of.boards(entries)    entries of the boards' menu
   */
  constructor(root, of) {
    this.of = of;
    this.count = root.querySelector(".library-count");
    this.said = root.querySelector(".library-said");
    this.undo = root.querySelector(".undo-last");
    this.buttons = [...root.querySelectorAll(".library-actions [data-action]")];
    this.context = root.querySelector(".context-menu");
    for (const button of this.buttons) {
      const { action } = button.dataset;
      if (action === "send" || action === "board") continue;
      button.addEventListener("click", () => of.act(action));
    }
    const find = (name) => root.querySelector(name);
    const boards = find(".board-menu");
    find("[data-action=board]").addEventListener("click", () => {
      boards.replaceChildren(...of.boards(of.targets()));
    });
    menuOf(find("[data-action=board]"), boards, ({ board = "" }) => of.act("board", board));
    menuOf(find("[data-action=send]"), find(".send-menu"), ({ kind }) => of.act("send", kind));
    this.undo.addEventListener("click", () => this.takeBack());
    this.context.addEventListener("click", ({ target }) => {
      if (target === this.context) return;
      this.context.hidePopover();
      of.act(target.dataset.act, target.dataset.kind);
    });
    this.context.addEventListener("keydown", (event) => this.contextKey(event));
  }

  /** What is there, for how many. */
  show({ selected, total, isTrash, isBoard, isKnown }) {
    const all = isKnown ? many(total) : "";
    this.count.textContent = selected > 1 ? `${selected.toLocaleString()} selected of ${all}` : all;
    for (const button of this.buttons) {
      button.hidden = !this.allows(button.dataset.action, selected, isTrash);
    }
    for (const name of ["cull", "empty"]) {
      const button = this.buttons.find((one) => one.dataset.action === name);
      if (total === 0) button.hidden = true;
    }
    this.buttons.find((one) => one.dataset.action === "export").hidden ||= !isBoard || total === 0;
  }

  allows(name, count, isTrash) {
    const { least, most = Infinity, always = false, isTrash: forTrash = false } = FOR[name];
    return count >= least && count <= most && (always || forTrash === Boolean(isTrash));
  }

  say(words, undo = null) {
    this.said.textContent = words;
    this.back = undo;
    this.undo.hidden = undo === null;
    clearTimeout(this.silence);
    const silent = () => this.said.textContent === words && this.say("");
    if (words) this.silence = setTimeout(silent, undo ? UNDO_MS : SAID_MS);
  }

  /** Undo what was done last; false if there is nothing. */
  takeBack() {
    const { back } = this;
    if (!back) return false;
    this.say("Undone");
    back().catch((error) => this.say(error.message));
    return true;
  }

  /** The menu of the right mouse button, at a place of the window. */
  openAt(x, y, isTrash) {
    const entries = this.of.targets();
    const names = ["star", "note", "apply", "compare", "download", "trash", "restore", "remove"];
    const allowed = (name) => this.allows(name, entries.length, isTrash);
    const line = (act, words, more = {}) =>
      make("button", {
        type: "button",
        role: "menuitem",
        "data-act": act,
        textContent: words,
        ...more,
      });
    const lines = entries.length === 1 && !isTrash ? [line("open", "Open")] : [];
    for (const name of names.filter(allowed)) lines.push(line(name, this.wordsOf(name)));
    if (allowed("send")) {
      const kinds = ["image_to_image", "inpaint", "outpaint", "upscale", "details", "controlnet"];
      const to = (kind) => line("send", `Send to ${sendWords(kind)}`, { "data-kind": kind });
      lines.splice(1, 0, ...kinds.map(to));
    }
    this.context.replaceChildren(...lines);
    this.context.showPopover();
    const { offsetWidth, offsetHeight } = this.context;
    this.context.style.left = `${Math.min(x, innerWidth - offsetWidth - 8)}px`;
    this.context.style.top = `${Math.max(8, Math.min(y, innerHeight - offsetHeight - 8))}px`;
    lines[0]?.focus();
  }

  wordsOf(name) {
    return this.buttons.find((one) => one.dataset.action === name).getAttribute("aria-label");
  }

  contextKey(event) {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const lines = [...this.context.children];
    lines.at((lines.indexOf(document.activeElement) + step) % lines.length).focus();
  }
}
