// The words that a picture was made from, under it. A click shows all of them.

import { make } from "../shared/dom.js";
import { ownModels } from "../shared/words.js";

export class OwnWords {
  constructor(root) {
    this.root = root;
    this.button = root.querySelector(".own-prompt");
    this.rest = root.querySelector("p");
    this.button.addEventListener("click", () => this.unfold(!this.isUnfolded));
  }

  get isUnfolded() {
    return this.button.getAttribute("aria-expanded") === "true";
  }

  unfold(isUnfolded) {
    this.button.setAttribute("aria-expanded", String(isUnfolded));
  }

  /** Those of `request`; null: of none. */
  show(request) {
    this.root.classList.toggle("none", !request);
    const { prompt = "", negative_prompt: negative = "" } = request ?? {};
    this.button.textContent = prompt.trim() || (request ? "Without a prompt" : "");
    this.button.title = this.button.textContent.length > 200 ? "Show all of it" : "";
    const line = (words, title) => make("span", { textContent: words, title });
    const models = request ? ownModels(request) : "";
    this.rest.replaceChildren(
      ...(negative.trim() ? [line(`Without: ${negative}`, negative)] : []),
      ...(models ? [line(models, models)] : []),
    );
  }
}
