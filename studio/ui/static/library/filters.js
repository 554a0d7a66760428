// What the library is asked for: words, and what a picture must be.

import { data } from "../shared/data.js";
import { look, models } from "../shared/models.js";
import { opens } from "../shared/picker.js";
import { beginOf } from "./days.js";

const TYPING_MS = 200;

export class Filters {
  /** `asked()` is called after each change. */
  constructor(root, asked) {
    this.root = root;
    this.asked = asked;
    this.search = root.querySelector(".library-bar input[type=search]");
    this.form = root.querySelector(".library-filters");
    this.button = root.querySelector("[data-action=filters]");
    this.shelf = {};
    this.picked = { checkpoint: "", lora: "" };
    const { task } = this.form.elements;
    task.add(new Option("Any task", ""));
    for (const [kind, { label }] of Object.entries(data.tasks)) task.add(new Option(label, kind));
    this.pick("checkpoint", "Any checkpoint");
    this.pick("lora", "Any LoRA");
    this.bind();
  }

  bind() {
    this.search.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.changed(), TYPING_MS);
    });
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.button.addEventListener("click", () => this.unfold(this.form.hidden));
    this.form.querySelector("[data-action=clear]").addEventListener("click", () => this.clear());
  }

  unfold(shown) {
    this.form.hidden = !shown;
    this.button.setAttribute("aria-expanded", String(shown));
  }

  /** A model out of the long list; a name that is typed in no list is found by the search. */
  pick(kind, any) {
    const button = this.form.querySelector(`[data-pick=${kind}]`);
    const show = () => {
      button.firstElementChild.textContent = this.picked[kind] || any;
    };
    opens(button, {
      options: () => [
        { value: "", label: any },
        ...models(kind).map(({ name }) => ({ value: name, label: name })),
      ],
      current: () => this.picked[kind],
      choose: (name) => {
        this.picked[kind] = name;
        show();
        this.changed();
      },
      before: look,
      empty: "None of this kind.",
    });
    this.shows = [...(this.shows ?? []), show];
    show();
  }

  /** One of the shelves: {}, {starred: true}, {board: name} or {trashed: true}. */
  take(shelf) {
    this.shelf = shelf;
    this.changed();
  }

  /** Without search and filters, all pictures. */
  clear() {
    this.search.value = "";
    this.form.reset();
    this.picked = { checkpoint: "", lora: "" };
    for (const show of this.shows) show();
    this.shelf = this.shelf.trashed ? this.shelf : {};
    this.changed();
  }

  changed() {
    clearTimeout(this.timer);
    const count = Object.values(this.own).filter(Boolean).length;
    const words = count ? `Filters (${count})` : "Filters";
    this.button.querySelector("span").textContent = words;
    this.button.setAttribute("aria-label", words);
    this.button.classList.toggle("in-use", count > 0);
    this.asked();
  }

  /** Those of the form. */
  get own() {
    const { task, since, until, mine } = this.form.elements;
    return {
      ...this.picked,
      task: task.value,
      since: since.value && beginOf(since.value),
      until: until.value && beginOf(until.value, 1),
      mine: mine.checked,
    };
  }

  /** As `shared/pictures.js` takes them. */
  get all() {
    const given = { search: this.search.value.trim(), ...this.shelf, ...this.own };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
  }

  /** Is anything left out, beside what lies in the trash? */
  get isAny() {
    return Object.keys(this.all).some((name) => name !== "trashed");
  }
}
