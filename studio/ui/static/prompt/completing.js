// Words offered while a prompt is typed. The textarea keeps the focus; the list is read out as that
// of a combobox.

import { field, value } from "../settings/form.js";
import { make } from "../shared/dom.js";
import { get } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { apply, isOurs } from "./edit.js";
import { newest } from "./newest.js";
import { under } from "./popover.js";
import { taken, typedAt } from "./typed.js";

const PAUSE_MS = 80;
const MODIFIERS = ["Control", "Shift", "Alt", "Meta", "AltGraph"];
const MARKS = {
  lora: "LoRA",
  embedding: "Embedding",
  wildcard: "Wildcard",
  style: "Style",
  tag: "",
};

const isWanted = () => read("completing", true);

/** The box that says whether this visitor wants them. */
export function completingWanted(box) {
  box.checked = isWanted();
  box.addEventListener("change", () => write("completing", box.checked));
}

export class Completing {
  constructor(area, mirror, says) {
    this.area = area;
    this.mirror = mirror;
    this.says = says;
    this.found = [];
    this.marked = -1;
    this.isSeen = false;
    this.asked = null; // what was typed when it was asked about
    this.list = make("div", {
      className: "completions",
      id: `${area.id}-completions`,
      role: "listbox",
      popover: "manual",
      "aria-label": "Suggestions",
    });
    area.after(this.list);
    area.setAttribute("autocomplete", "off");
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-haspopup", "listbox");
    area.setAttribute("aria-controls", this.list.id);
    this.soon = newest(() => this.look(), PAUSE_MS);
    area.addEventListener("input", (event) => {
      const isTyped = event.inputType?.startsWith("insertText") && !isOurs();
      const isShorter = event.inputType?.startsWith("deleteContent") && this.isOpen;
      if (isWanted() && !event.isComposing && (isTyped || isShorter)) this.soon();
      else this.close();
    });
    area.addEventListener("keydown", (event) => this.key(event), { capture: true });
    area.addEventListener("blur", () => this.close());
    area.addEventListener("click", () => this.close());
    area.addEventListener("scroll", () => this.close(), { passive: true });
  }

  get isOpen() {
    return this.list.matches(":popover-open");
  }

  typed() {
    const { selectionStart: start, selectionEnd: end } = this.area;
    return start === end ? typedAt(this.area.value, start) : null;
  }

  async look() {
    const typed = this.typed();
    if (!typed) {
      this.close();
      return;
    }
    this.asked = typed;
    const kinds = typed.kinds.filter((kind) => kind !== "style" || field("styles"));
    const asked = new URLSearchParams({ text: typed.text, limit: "20" });
    for (const kind of kinds) asked.append("kind", kind);
    const answer = await get(`studio/v1/completions?${asked}`).catch(() => null);
    const now = this.typed();
    const isOld = this.asked !== typed || now?.text !== typed.text || now.from !== typed.from;
    if (isOld || document.activeElement !== this.area) return;
    const found = (answer?.completions ?? []).filter((one) => one.insert !== one.typed);
    if (found.length) this.open(typed, found);
    else this.close();
  }

  open(typed, found) {
    this.at = typed;
    this.found = found;
    this.marked = -1;
    this.list.replaceChildren(...found.map((one, place) => this.option(one, place)));
    this.list.showPopover();
    under(this.list, this.mirror.placeOf(typed.to - found[0].typed.length));
    this.list.scrollTop = 0;
    this.area.removeAttribute("aria-activedescendant");
    if (!this.isSeen) this.says.textContent = "Suggestions: go through them with the arrow keys";
    this.isSeen = true;
  }

  option(one, place) {
    return make(
      "div",
      {
        role: "option",
        id: `${this.list.id}-${place}`,
        className: `completion ${one.kind}`,
        "aria-selected": "false",
        onpointerdown: (event) => event.preventDefault(), // the prompt keeps the focus
        onclick: () => this.take(place),
      },
      make("span", { className: "completion-text", textContent: one.text }),
      make("span", { className: "completion-detail", textContent: one.detail }),
      MARKS[one.kind]
        ? make("span", { className: "option-mark", textContent: MARKS[one.kind] })
        : null,
    );
  }

  /** Nor does what was asked for open any more: the list would cover what the hand went on to. */
  close() {
    this.soon.drop();
    this.asked = null;
    this.isSeen = false;
    if (!this.isOpen) return;
    this.list.hidePopover();
    this.area.removeAttribute("aria-activedescendant");
    this.says.textContent = "";
  }

  mark(place) {
    const rows = [...this.list.children];
    rows[this.marked]?.setAttribute("aria-selected", "false");
    this.marked = (place + rows.length) % rows.length;
    const row = rows[this.marked];
    row.setAttribute("aria-selected", "true");
    row.scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", row.id);
  }

  key(event) {
    if (event.isComposing || MODIFIERS.includes(event.key)) return;
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    const isPlain = !ctrlKey && !metaKey && !altKey && !shiftKey;
    if (!this.isOpen) {
      if (key === "Enter" || key === "Escape") this.close();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (isPlain && step) this.mark(this.marked < 0 && step < 0 ? -1 : this.marked + step);
    else if (key === "Enter" && this.marked >= 0) this.take(this.marked);
    else if (isPlain && key === "Tab") this.take(Math.max(0, this.marked));
    else if (key === "Escape") this.close();
    else {
      if (["ArrowLeft", "ArrowRight", "Home", "End", "Enter"].includes(key) || !isPlain) {
        this.close();
      }
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  take(place) {
    const choice = this.found[place];
    const edit = taken(this.area.value, this.at, choice);
    this.close();
    this.area.focus({ preventScroll: true });
    apply(this.area, edit);
    const names = value("styles") ?? [];
    if (choice.kind === "style" && !names.includes(choice.text)) {
      field("styles").set([...names, choice.text]);
    }
  }
}
