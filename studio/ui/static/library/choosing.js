// Pictures of the library, chosen in a dialog.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { page } from "../shared/pictures.js";

const MOST = 120;
const PAUSE_MS = 250;

export class Choosing {
  /** `take(ids)` has those that were chosen. */
  constructor(dialog, take) {
    this.dialog = dialog;
    this.chosen = new Set();
    this.timer = 0;
    this.list = dialog.querySelector(".choosing-list");
    this.search = dialog.querySelector("input");
    this.button = dialog.querySelector("[data-action=take]");
    this.search.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), PAUSE_MS);
    });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.querySelector("[data-action=close]").addEventListener("click", () => dialog.close());
    this.button.addEventListener("click", () => {
      dialog.close();
      take([...this.chosen]);
    });
  }

  open() {
    this.chosen.clear();
    this.tell();
    this.dialog.showModal();
    this.look();
  }

  async look() {
    const says = this.dialog.querySelector(".objection");
    says.textContent = "";
    try {
      const { images } = await page({ search: this.search.value.trim(), limit: MOST });
      this.list.replaceChildren(...images.map((one) => this.tile(one)));
      if (images.length === 0) says.textContent = "No picture was found.";
    } catch (error) {
      says.textContent = error.message;
    }
  }

  tile({ id, prompt }) {
    const src = address(`studio/v1/images/${encodeURIComponent(id)}/thumbnail?side=128`);
    const button = make(
      "button",
      {
        type: "button",
        title: prompt,
        "aria-pressed": String(this.chosen.has(id)),
        onclick: () => {
          if (!this.chosen.delete(id)) this.chosen.add(id);
          button.setAttribute("aria-pressed", String(this.chosen.has(id)));
          this.tell();
        },
      },
      make("img", { src, alt: prompt || "Picture", loading: "lazy" }),
    );
    return button;
  }

  tell() {
    this.button.disabled = this.chosen.size === 0;
    this.button.textContent = this.chosen.size ? `Add ${this.chosen.size}` : "Add";
  }
}
