// One detailer as it is seen: its settings, what it lacks, and which of the found things it draws.

import { bindNumber } from "../control/numbers.js";
import { data } from "../shared/data.js";
import { detectorNamed, download, isComing } from "../shared/detectors.js";
import { copyOf, make, targetOf } from "../shared/dom.js";
import { opens } from "../shared/picker.js";
import { percent, size } from "../shared/words.js";
import * as list from "./list.js";

const MOST_CLASSES = 40;
/** What an empty box of a number means. */
const OPEN = { count: 0, steps: 0, guidance_scale: null };
const TEXTS = ["classes", "prompt", "negative_prompt"];

export class DetailerView {
  /** That at place `at` of the list; `menu` is what its menu of detectors holds. */
  constructor(at, menu) {
    this.at = at;
    this.element = copyOf("detailer-template");
    this.message = "";
    this.fold(true);
    this.bindActs(menu);
    this.bindFields();
  }

  /**
   * @param {string} selector
   * @returns {any}
   */
  find(selector) {
    return this.element.querySelector(selector);
  }

  get detailer() {
    return list.detailerAt(this.at);
  }

  change(part) {
    list.change(this.at, part);
  }

  fold(isFolded) {
    this.element.classList.toggle("folded", isFolded);
    this.find(".unit-fold").setAttribute("aria-expanded", String(!isFolded));
  }

  unfold() {
    this.fold(false);
  }

  bindActs(menu) {
    const acts = {
      up: () => list.move(this.at, -1),
      down: () => list.move(this.at, 1),
      remove: () => list.remove(this.at),
      all: () => this.change({ only: [] }),
      download: () => this.download(),
    };
    this.element.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (targetOf(event).closest("[data-act]"));
      acts[button?.dataset.act]?.();
    });
    this.find(".unit-fold").addEventListener("click", () =>
      this.fold(!this.element.classList.contains("folded")),
    );
    this.find("[role=switch]").addEventListener("change", (event) =>
      this.change({ active: event.target.checked }),
    );
    opens(this.find("[data-act=detector]"), {
      ...menu,
      current: () => this.detailer.detector,
      choose: (detector) => this.change({ detector, classes: "" }),
    });
  }

  async download() {
    try {
      await download(this.detailer.detector);
      this.message = "";
    } catch (error) {
      this.message = error.message;
    }
    if (this.detailer) this.show();
  }

  bindFields() {
    this.numbers = {};
    for (const element of this.element.querySelectorAll(".unit-number")) {
      const name = /** @type {HTMLElement} */ (element).dataset.number;
      this.numbers[name] = bindNumber(element, {
        change: (value) => this.change(this.consistent(name, value)),
        fallback: () => data.detailer[name],
      });
    }
    for (const name of Object.keys(OPEN)) {
      const box = this.find(`[data-open=${name}] input`);
      box.addEventListener("change", () => {
        const [least, most] = [Number(box.min), Number(box.max)];
        const typed = Math.min(most, Math.max(least, box.valueAsNumber));
        this.change({ [name]: Number.isNaN(typed) ? OPEN[name] : typed });
      });
    }
    for (const name of TEXTS) {
      const box = this.find(`[data-text=${name}] textarea`);
      box.addEventListener("input", () => this.change({ [name]: box.value }));
    }
    const order = this.find("[data-menu=order] select");
    order.addEventListener("change", () => this.change({ order: order.value }));
  }

  /** The least size stays below the largest: the one that is moved pushes the other. */
  consistent(name, value) {
    const { min_size: least, max_size: most } = this.detailer;
    if (name === "min_size" && value > most) return { min_size: value, max_size: value };
    if (name === "max_size" && value < least) return { min_size: value, max_size: value };
    return { [name]: value };
  }

  show() {
    const { detailer } = this;
    const known = detectorNamed(detailer.detector);
    this.name(detailer);
    this.element.classList.toggle("off", !detailer.active);
    this.find("[role=switch]").checked = detailer.active;
    this.find("[data-act=detector] span").textContent = detailer.detector;
    this.find(".unit-summary").textContent = summary(detailer);
    const isHere = !known || known.installed;
    this.find(".detailer-lack").textContent =
      this.message || (isHere || !known.url ? list.lacks(detailer) : "");
    this.showWeights(known);
    this.showClasses(detailer, known?.classes ?? []);
    const { only } = detailer;
    this.find(".detailer-only").hidden = only.length === 0;
    this.find(".detailer-only span").textContent = onlyWords(only);
    for (const [name, show] of Object.entries(this.numbers)) show(detailer[name]);
    for (const [name, unset] of Object.entries(OPEN)) {
      const box = this.find(`[data-open=${name}] input`);
      if (document.activeElement !== box)
        box.value = detailer[name] === unset ? "" : detailer[name];
    }
    for (const name of TEXTS) {
      const box = this.find(`[data-text=${name}] textarea`);
      if (document.activeElement !== box) box.value = detailer[name];
    }
    this.find("[data-menu=order] select").value = detailer.order;
  }

  /** What its buttons say: several look alike. */
  name({ detector }) {
    const number = this.at + 1;
    const last = list.detailers().length - 1;
    this.find(".unit-title").textContent = `${number}. ${detector}`;
    const labels = {
      "[role=switch]": `Detailer ${number} acts`,
      "[data-act=remove]": `Remove detailer ${number}`,
      "[data-act=up]": `Detailer ${number} one up`,
      "[data-act=down]": `Detailer ${number} one down`,
    };
    for (const [selector, label] of Object.entries(labels)) {
      this.find(selector).setAttribute("aria-label", label);
      this.find(selector).title = label;
    }
    for (const name of TEXTS) {
      const label = this.find(`[data-text=${name}]`);
      const words = `${label.querySelector("span").textContent} of detailer ${number}`;
      label.querySelector("textarea").setAttribute("aria-label", words);
    }
    this.find("[data-act=detector]").setAttribute("aria-label", `Detector: ${detector}`);
    for (const [act, end] of [
      ["up", 0],
      ["down", last],
    ]) {
      this.find(`[data-act=${act}]`).disabled = this.at === end;
      this.find(`[data-act=${act}]`).hidden = last === 0;
    }
  }

  /** What is to be downloaded before it can find anything. */
  showWeights(known) {
    const box = this.find(".unit-weights");
    box.hidden = !known || known.installed || !known.url;
    if (box.hidden) return;
    const isOn = isComing(known);
    const { done_bytes: done = 0, total_bytes: total = 0, error } = known.downloading ?? {};
    const { host } = new URL(known.url);
    const about = `${known.name} needs ${size(known.size_bytes)} from ${host}. ${known.license}`;
    this.find(".unit-weights-words").textContent = error ? `${about} ${error}` : about;
    this.find(".unit-weights-words").classList.toggle("objection", Boolean(error));
    this.find("[data-act=download]").hidden = isOn;
    this.find(".track").hidden = !isOn;
    const share = total ? done / total : 0;
    this.find(".track i").style.width = percent(share).replace(" ", "");
    const far = total ? `${percent(share)} of ${size(total)}` : "Connecting";
    this.find(".unit-weights-share").textContent = isOn ? far : "";
  }

  /** The classes as buttons, where it knows several and not too many. */
  showClasses({ classes }, all) {
    const place = this.find(".detailer-classes");
    this.find("[data-text=classes]").hidden = all.length === 1;
    const isListed = all.length > 1 && all.length <= MOST_CLASSES;
    place.hidden = !isListed;
    if (!isListed) return;
    if (place.dataset.all !== all.join()) {
      place.dataset.all = all.join();
      place.replaceChildren(...all.map((name) => this.classButton(name)));
    }
    const chosen = namesIn(classes).map((name) => name.toLowerCase());
    for (const button of place.children)
      button.setAttribute(
        "aria-pressed",
        String(chosen.includes(button.textContent.toLowerCase())),
      );
  }

  classButton(name) {
    const toggle = () => {
      const names = namesIn(this.detailer.classes);
      const others = names.filter((one) => one.toLowerCase() !== name.toLowerCase());
      const next = others.length === names.length ? [...names, name] : others;
      this.change({ classes: next.join(", ") });
    };
    return make("button", { type: "button", textContent: name, onclick: toggle });
  }
}

const namesIn = (classes) =>
  classes
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);

function onlyWords(only) {
  const numbers = only.map((number) => number + 1).join(", ");
  return only.length === 1 ? `Only number ${numbers} is drawn.` : `Only ${numbers} are drawn.`;
}

/** A detailer in a few words. */
function summary({ active, classes, strength }) {
  return active ? [classes, `strength ${strength}`].filter(Boolean).join(" · ") : "off";
}
