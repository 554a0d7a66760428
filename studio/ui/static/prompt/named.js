// Badges of what the prompt names: LoRAs, embeddings, wildcards. A click changes a weight.

import { field, value } from "../settings/form.js";
import { icon, make } from "../shared/dom.js";
import { panel, under } from "./popover.js";
import { setTagWeight, setWeight, takeOut, weightOf } from "./weights.js";

const SHOWN = ["lora", "lyco", "hypernet", "embedding", "wildcard"];
const TITLES = {
  lora: "LoRA",
  lyco: "LoRA",
  hypernet: "Hypernetwork",
  embedding: "Embedding",
  wildcard: "Wildcard",
};

export class Named {
  constructor(root, area) {
    this.root = root;
    this.area = area;
    this.weight = new Weight(document.getElementById("lens-weight"));
    this.drawn = "";
  }

  /** The `marks` of `text`. */
  show(text, marks) {
    const named = marks.filter((one) => SHOWN.includes(one.kind));
    const weights = named.map((one) => weightIn(text, one));
    this.weight.follow(named);
    const drawn = JSON.stringify([named, weights]);
    if (drawn === this.drawn) return; // a button under a finger must not be replaced
    this.drawn = drawn;
    const focused = [...this.root.children].indexOf(
      document.activeElement?.closest(".lens-badges > *"),
    );
    const badges = named.map((one, place) => this.badge(one, weights[place], place));
    this.root.replaceChildren(...badges);
    if (focused >= 0) badges[Math.min(focused, badges.length - 1)]?.querySelector("button").focus();
  }

  badge(mark, weight, place) {
    const title = `${TITLES[mark.kind]} ${mark.name}`;
    const name = make("span", { className: "active-name", textContent: mark.name });
    const isWeighed = weight !== null && mark.known;
    const face = isWeighed
      ? make(
          "button",
          {
            type: "button",
            className: "lens-face",
            title: `${title}: change its weight`,
            "aria-label": `${title}, weight ${weight}: change it`,
            "aria-haspopup": "dialog",
            onclick: (event) => this.weight.open(event.currentTarget, mark, weight, place),
          },
          name,
          make("span", { className: "active-value", textContent: weight }),
        )
      : name;
    return make(
      "span",
      {
        className: `active-badge lens-badge${mark.known ? "" : " missing"}`,
        title: mark.known ? title : `${title} is not there`,
      },
      face,
      make(
        "button",
        {
          type: "button",
          title: `Take ${mark.name} out of the prompt`,
          "aria-label": `Take ${mark.name} out of the prompt`,
          onclick: () => this.remove(mark),
        },
        icon("close"),
      ),
    );
  }

  remove({ start, end }) {
    const text = value("prompt");
    put(text, takeOut(text, start, end, value("prompt_dialect")));
    if (!this.root.contains(document.activeElement)) this.area.focus({ preventScroll: true });
  }
}

function weightIn(text, { kind, start, end, weight }) {
  if (kind === "wildcard" || kind === "hypernet") return null;
  return kind === "embedding" ? weightOf(text, start, end, value("prompt_dialect")) : weight;
}

function put(text, edit) {
  if (edit) field("prompt").set(text.slice(0, edit.from) + edit.text + text.slice(edit.to));
}

/** The slider under a badge. */
class Weight {
  constructor(root) {
    this.root = root;
    this.title = root.querySelector("h2");
    this.track = root.querySelector("input[type=range]");
    this.box = root.querySelector("input[type=number]");
    this.track.addEventListener("input", () => this.set(Number(this.track.value)));
    this.track.addEventListener("dblclick", () => this.set(1));
    this.box.addEventListener("input", () => {
      if (this.box.value !== "") this.set(Number(this.box.value));
    });
    panel(root, () => this.track.focus());
  }

  open(button, mark, weight, place) {
    this.mark = mark;
    this.place = place;
    this.title.textContent = mark.name;
    const least = mark.kind === "embedding" ? 0 : -2;
    this.track.min = this.box.min = String(least);
    this.show(weight);
    this.root.showPopover();
    under(this.root, button.getBoundingClientRect());
  }

  show(weight) {
    this.track.value = weight;
    const share = (Number(this.track.value) - this.track.min) / (this.track.max - this.track.min);
    this.track.style.setProperty("--fill", `${100 * share}%`);
    if (document.activeElement !== this.box) this.box.value = weight;
  }

  set(weight) {
    const text = value("prompt");
    const { kind, start, end } = this.mark;
    const isTag = kind !== "embedding";
    const edit = isTag
      ? setTagWeight(text, start, end, weight)
      : setWeight(text, start, end, weight, value("prompt_dialect"));
    if (!edit) return;
    put(text, edit);
    this.mark = { ...this.mark, start: edit.start, end: edit.end };
    this.show(weight);
  }

  /** Where the mark that is set stands now. */
  follow(named) {
    if (!this.root.matches(":popover-open")) return;
    const now = named[this.place];
    if (now?.kind === this.mark.kind && now.name === this.mark.name) this.mark = now;
    else this.root.hidePopover();
  }
}
