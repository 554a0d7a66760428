// Find, in the Details tab: what the detailers find lies over the picture in boxes, each of which is
// ticked where it is to be drawn.

import { onChange } from "../settings/form.js";
import { make } from "../shared/dom.js";
import { percent } from "../shared/words.js";
import { find, foundBy, isTicked, onFound, tick, tickAll } from "./found.js";
import { detailers } from "./list.js";

/** Pixels of the picture that a tag over the box needs above it. */
const TAG_ROOM = 12;
/** Pixels of the screen between two tags. */
const TAG_GAP = 2;

let shared = null;

export function finding(root) {
  shared = new Finding(root);
}

/** Look through the picture that has just come, where that needs nothing else. */
export const findAtOnce = () => shared?.find();

class Finding {
  constructor(root) {
    this.layer = root.closest(".canvas").querySelector(".found");
    this.words = root.querySelector(".found-words");
    this.all = root.querySelector(".found-all");
    this.button = root.querySelector("[data-action=find]");
    this.message = "";
    this.button.addEventListener("click", () => this.find());
    root.querySelector("[data-action=all]").addEventListener("click", () => tickAll(true));
    root.querySelector("[data-action=none]").addEventListener("click", () => tickAll(false));
    onFound(() => this.show());
    // The zoom is told to what keeps its size as a property of the picture's world.
    new MutationObserver(() => this.part()).observe(this.layer.parentElement, {
      attributes: true,
      attributeFilter: ["style"],
    });
    onChange((name) => name === "detailers" && this.show());
    this.show();
  }

  async find() {
    this.button.disabled = true;
    this.words.textContent = "Looking";
    this.message = "";
    try {
      await find();
    } catch (error) {
      this.message = error.message;
    }
    this.button.disabled = false;
    this.show();
  }

  show() {
    const looks = detailers()
      .map((one, at) => ({ one, at, ...foundBy(one) }))
      .filter(({ found }) => found);
    const many = looks.length > 1;
    const boxes = looks.flatMap(({ one, at, found }) =>
      found.map((thing, place) => ({
        ...thing,
        at,
        place,
        isOn: isTicked(one, place),
        number: many ? `${at + 1}.${place + 1}` : `${place + 1}`,
      })),
    );
    this.draw(boxes);
    this.all.hidden = boxes.length === 0;
    this.words.textContent = this.message || wordsOf(looks, boxes);
  }

  /** A box keeps its element while what was found is the same: a key stays on it. */
  draw(boxes) {
    const key = JSON.stringify(boxes.map(({ box, number, score }) => [box, number, score]));
    if (key !== this.drawn) {
      this.drawn = key;
      this.layer.replaceChildren(...boxes.map(boxOf));
    }
    for (const [at, { isOn }] of boxes.entries()) {
      const element = this.layer.children[at];
      element.querySelector("input").checked = isOn;
      element.classList.toggle("off", !isOn);
    }
    this.part();
  }

  /** Tags that would lie on one another stand below one another. */
  part() {
    const tags = [...this.layer.querySelectorAll(".found-tag")];
    for (const tag of tags) tag.style.translate = "";
    const scale = Number(getComputedStyle(this.layer).getPropertyValue("--scale")) || 1;
    const placed = [];
    for (const [at, { left, right, top, bottom }] of tags.map(boundsOf).entries()) {
      let down = 0;
      const clash = (one) =>
        left < one.right && right > one.left && top + down < one.bottom && bottom + down > one.top;
      for (let other = placed.find(clash); other; other = placed.find(clash))
        down = other.bottom - top + TAG_GAP;
      placed.push({ left, right, top: top + down, bottom: bottom + down });
      if (down) tags[at].style.translate = `0 ${down / scale}px`;
    }
  }
}

const boundsOf = (tag) => tag.getBoundingClientRect();

function boxOf({ box: [left, top, right, bottom], score, label, number, at, place }) {
  const words = `${label} ${percent(score)}`;
  const input = make("input", {
    "type": "checkbox",
    "aria-label": `Draw ${number}: ${words}`,
    "onchange": (event) => tick(at, place, event.target.checked),
  });
  const tag = make("span", { className: "found-tag" }, input, make("b", {}, number), words);
  const element = make("label", { className: "found-box" }, tag);
  element.classList.toggle("above", top > TAG_ROOM);
  Object.assign(element.style, {
    left: `${left}px`,
    top: `${top}px`,
    width: `${right - left}px`,
    height: `${bottom - top}px`,
  });
  return element;
}

function wordsOf(looks, boxes) {
  if (looks.length === 0) return "";
  const whys = looks.map(({ why }) => why).filter(Boolean);
  if (boxes.length === 0) return whys[0] ?? "Nothing was found.";
  const wanted = boxes.filter(({ isOn }) => isOn).length;
  const total = looks.reduce((sum, one) => sum + one.total, 0);
  const shown =
    total > boxes.length ? `${total} found, ${boxes.length} of them shown` : `${total} found`;
  const later = looks.length > 1 ? "Each after the first looks again once that is drawn." : "";
  return [`${shown}, ${wanted} to be drawn.`, ...whys, later].filter(Boolean).join(" ");
}
