// One list that searches, for every menu that may be long. It opens under the button it belongs to.

import { make } from "./dom.js";
import { Rows } from "./rows.js";

const ROW_PX = 44;
/** Said while nothing is known yet. */
export const ASKING = "Looking …";

let shared = null;

/** The popover of the page, brought to life once. */
export function picker(element) {
  shared = new List(element);
}

/**
 * Let `button` open the list.
 * of.options()  what there is: {value, label, detail, mark, why}; `why` says what speaks against
 *               it, which then cannot be chosen; `mark` is a word at its right end
 * of.choose(value), of.current() and of.empty (words where there is nothing)
 * of.before()   asks for news; if it comes true, the options are drawn again
 */
export function opens(button, of) {
  button.setAttribute("aria-haspopup", "listbox");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => shared?.open(button, of));
  button.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    shared?.open(button, of);
  });
}

/** Open it at once, under `button`, which has another list of its own. */
export const openOver = (button, of) => shared?.open(button, of);

export const isPickerOpen = () => shared?.root.matches(":popover-open") ?? false;

class List {
  constructor(root) {
    this.root = root;
    this.search = root.querySelector("input");
    this.view = root.querySelector(".picker-list");
    this.empty = root.querySelector(".picker-empty");
    this.rows = new Rows(this.view, ROW_PX, (option, index) => this.row(option, index));
    this.active = 0;
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("toggle", (event) => {
      this.button?.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "closed" && this.root.contains(document.activeElement)) {
        this.button?.focus();
      }
    });
  }

  open(button, of) {
    this.button = button;
    this.of = of;
    this.search.value = "";
    this.search.placeholder = of.placeholder ?? "Search";
    this.root.showPopover();
    this.place();
    this.fill();
    this.search.focus();
    of.before?.().then((isNews) => isNews && this.of === of && this.fill());
  }

  /** Under the button, or above it where there is more room; as wide as its names need. */
  place() {
    const at = this.button.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const width = Math.min(Math.max(at.width, 320), wide - 16);
    const below = innerHeight - at.bottom - 12;
    const up = below < 240 && at.top > below;
    Object.assign(this.root.style, {
      width: `${width}px`,
      left: `${Math.max(8, Math.min(at.left, wide - width - 8))}px`,
      top: up ? "auto" : `${at.bottom + 4}px`,
      bottom: up ? `${innerHeight - at.top + 4}px` : "auto",
    });
    this.room = Math.min(440, up ? at.top - 12 : below) - 52;
  }

  fill() {
    this.options = this.of.options();
    this.filter(this.search.value === "");
  }

  filter(isFirst = false) {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ label, detail }) => {
      const text = `${label} ${detail ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const found = this.options.filter(fits);
    const current = found.findIndex((option) => option.value === this.of.current?.());
    this.active = isFirst && current >= 0 ? current : found.findIndex((option) => !option.why);
    this.view.style.height = `${Math.min(found.length * ROW_PX, Math.max(this.room, 132))}px`;
    this.empty.textContent = found.length
      ? ""
      : this.options.length
        ? "Nothing fits these words."
        : this.of.empty;
    this.rows.set(found);
    this.rows.scrollTo(Math.max(0, this.active));
    this.tellActive();
  }

  tellActive() {
    if (this.active >= 0)
      this.search.setAttribute("aria-activedescendant", `option-${this.active}`);
    else this.search.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      event.preventDefault();
      const last = this.rows.items.length - 1;
      this.active = Math.max(0, Math.min(last, this.active + step));
      this.rows.scrollTo(this.active);
      this.tellActive();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const option = this.rows.items[this.active];
      if (option) this.take(option);
    } else if (event.key === "Tab") {
      this.root.hidePopover();
    }
  }

  take(option) {
    if (option.why) return;
    this.root.hidePopover();
    this.of.choose(option.value);
  }

  row(option, index) {
    const isChosen = option.value === this.of.current?.();
    return make(
      "div",
      {
        role: "option",
        id: `option-${index}`,
        className: `option${index === this.active ? " active" : ""}`,
        title: [option.label, option.why || option.detail].filter(Boolean).join(": "),
        "aria-selected": String(isChosen),
        "aria-disabled": String(Boolean(option.why)),
        onclick: () => this.take(option),
        onpointermove: () => this.hover(index),
      },
      make("span", { className: "option-label", textContent: option.label }),
      make("span", { className: "option-detail", textContent: option.why || option.detail || "" }),
      option.mark ? make("span", { className: "option-mark", textContent: option.mark }) : null,
    );
  }

  hover(index) {
    if (index === this.active) return;
    this.active = index;
    for (const row of this.rows.space.children) {
      row.classList.toggle("active", row.id === `option-${index}`);
    }
    this.tellActive();
  }
}
