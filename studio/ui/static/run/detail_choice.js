// The details of a picture, each as it was and as it was drawn anew, to be kept or not by
// itself. What is seen is, pixel for pixel, what Keep these makes.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { send } from "../shared/server.js";
import { task } from "../shared/task.js";
import { allowViews, onView, view } from "../shared/views.js";
import { percent } from "../shared/words.js";
import { compose, copyArea } from "./composed.js";

const VIEW = "details";
const CROP_MARGIN = 0.1; // of a side of what is seen of an area beside itself

export class DetailChoice {
  /** `root` is the viewer's, the boxes lie in `frame`. `kept(id, words)` shows what came of it;
   * `accept()` makes the whole picture the one that is worked on. */
  constructor(root, frame, { announce, kept, accept }) {
    this.accept = accept;
    this.root = root.querySelector(".detail-choice");
    this.frame = frame;
    this.announce = announce;
    this.kept = kept;
    this.list = this.root.querySelector("ol");
    this.words = this.root.querySelector(".detail-choice-words");
    this.lack = this.root.querySelector(".detail-choice-lack");
    this.button = this.root.querySelector("[data-action=keep]");
    this.picture = null;
    this.pictures = null; // [before, after], once they are loaded
    this.chosen = []; // of each whether it is as it was drawn anew
    this.over = null;
    this.turn = 0;
    this.button.addEventListener("click", () => this.keep());
    document.addEventListener("keydown", (event) => this.key(event));
    onView(() => this.render());
  }

  /** `picture` is shown, or none is. */
  take(picture) {
    this.turn += 1;
    this.picture = picture?.details?.length ? picture : null;
    this.pictures = null;
    this.chosen = (picture?.details ?? []).map(() => true);
    this.remove();
    this.lack.textContent = "";
    allowViews({ details: this.picture !== null });
    this.render();
  }

  /** Be what the view says. */
  render() {
    const isShown = this.picture !== null && view() === VIEW;
    if (!isShown) this.remove();
    else if (this.pictures) this.show();
    else this.load();
  }

  remove() {
    this.over?.remove();
    this.over = null;
    this.list.replaceChildren();
  }

  async load() {
    const { turn, picture } = this;
    const paths = [`${picture.url}/before`, picture.url];
    const images = paths.map((path) => Object.assign(new Image(), { src: address(path) }));
    this.words.textContent = "Looking at what was before";
    try {
      await Promise.all(images.map((one) => one.decode()));
    } catch {
      if (turn === this.turn)
        this.words.textContent = "The picture as it was cannot be loaded (any more).";
      return;
    }
    if (turn !== this.turn) return;
    this.pictures = images;
    this.render();
  }

  show() {
    if (!this.over) this.build();
    const [before, after] = this.pictures;
    const { details } = this.picture;
    const kept = details.filter((_, at) => this.chosen[at]);
    compose(
      this.canvas.getContext("2d"),
      before,
      after,
      kept.map(({ area }) => area),
    );
    for (const [at, isNew] of this.chosen.entries()) {
      this.boxes.children[at].setAttribute("aria-pressed", String(isNew));
      const [old, anew] = this.list.children[at].querySelectorAll("button");
      old.setAttribute("aria-pressed", String(!isNew));
      anew.setAttribute("aria-pressed", String(isNew));
    }
    this.words.textContent = `${kept.length} of ${details.length} as drawn anew`;
    const isOfTool = this.picture.request.task?.kind === VIEW && task() === VIEW;
    const why = isOfTool && kept.length ? "" : whyNot(kept.length, details.length);
    this.button.disabled = why !== "";
    this.button.title = why;
  }

  build() {
    const [before, after] = this.pictures;
    const { naturalWidth: width, naturalHeight: height } = after;
    const { details } = this.picture;
    this.canvas = make("canvas", {
      width,
      height,
      "role": "img",
      "aria-label": "The picture with the details that are kept",
    });
    this.boxes = make("div", { className: "detail-boxes" }, ...details.map(this.box, this));
    for (const [at, { box }] of details.entries())
      place(this.boxes.children[at], box, width, height);
    this.over = make("div", { className: "over" }, this.canvas, this.boxes);
    this.frame.append(this.over);
    this.list.replaceChildren(...details.map((one, at) => this.card(one, at, before, after)));
  }

  box(one, at) {
    return make(
      "button",
      {
        "type": "button",
        "className": "detail-box",
        "aria-label": `${nameOf(one, at)}: as drawn anew`,
        "title": nameOf(one, at),
        "onclick": () => this.choose(at, !this.chosen[at]),
      },
      make("span", { textContent: `${at + 1}` }),
    );
  }

  card(one, at, before, after) {
    const side = (image, words, isNew) =>
      make(
        "button",
        {
          "type": "button",
          "aria-label": `${nameOf(one, at)}: ${words.toLowerCase()}`,
          "onclick": () => this.choose(at, isNew),
        },
        crop(image, around(one.area, after)),
        make("span", { textContent: words }),
      );
    return make(
      "li",
      { className: "detail-card" },
      make("p", {}, make("b", { textContent: `${at + 1}` }), ` ${one.label} ${percent(one.score)}`),
      side(before, "Before", false),
      side(after, "After", true),
    );
  }

  choose(at, isNew) {
    this.chosen[at] = isNew;
    this.lack.textContent = "";
    this.show();
    this.announce(`${nameOf(this.picture.details[at], at)}: ${isNew ? "after" : "before"}`);
  }

  /** The keys 1 to 9 turn the details over. */
  key(event) {
    const at = Number(event.key) - 1;
    const isOurs = this.over?.checkVisibility() && at in this.chosen;
    if (!isOurs || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches("input, textarea, select") || document.querySelector("dialog[open]"))
      return;
    event.preventDefault();
    this.choose(at, !this.chosen[at]);
  }

  async keep() {
    const { picture, chosen } = this;
    const kept = chosen.flatMap((isNew, at) => (isNew ? [at] : []));
    this.button.disabled = true;
    if (kept.length === chosen.length) {
      await this.accept();
      this.button.disabled = false;
      return;
    }
    try {
      const path = `studio/v1/images/${encodeURIComponent(picture.id)}/details`;
      const made = await send("POST", path, { kept });
      await this.kept(made.id, `Kept ${kept.length} of ${chosen.length} details`);
    } catch (error) {
      this.lack.textContent = error.message;
      this.button.disabled = false;
    }
  }
}

/** What keeps a choice from being a picture of its own. */
function whyNot(kept, of) {
  if (kept === of) return "All are kept: that is the picture that is shown";
  return kept === 0 ? "None is kept: that is the picture as it was, which is in the library" : "";
}

const nameOf = ({ label }, at) => `${at + 1}: ${label}`;

/** An area with a little of what lies around it, within the picture. */
function around([left, top, right, bottom], { naturalWidth, naturalHeight }) {
  const [x, y] = [(right - left) * CROP_MARGIN, (bottom - top) * CROP_MARGIN].map(Math.round);
  return [
    Math.max(0, left - x),
    Math.max(0, top - y),
    Math.min(naturalWidth, right + x),
    Math.min(naturalHeight, bottom + y),
  ];
}

function crop(image, area) {
  const [left, top, right, bottom] = area;
  const canvas = make("canvas", { width: right - left, height: bottom - top });
  canvas.setAttribute("aria-hidden", "true");
  copyArea(canvas.getContext("2d"), image, area, true);
  return canvas;
}

function place(element, [left, top, right, bottom], width, height) {
  const share = (part, whole) => `${(100 * part) / whole}%`;
  Object.assign(element.style, {
    left: share(left, width),
    top: share(top, height),
    width: share(right - left, width),
    height: share(bottom - top, height),
  });
}
