// A prompt's text once more, unseen, over the textarea: it carries the lines under words, and knows
// where a letter stands on the screen.

import { make } from "../shared/dom.js";
import { pieces, shifted } from "./marks.js";

const COPIED = [
  "fontFamily",
  "fontSize",
  "fontWeight",
  "fontStretch",
  "fontVariantNumeric",
  "letterSpacing",
  "lineHeight",
  "padding",
  "tabSize",
];

export class Mirror {
  constructor(area) {
    this.area = area;
    this.root = make("div", { className: "mirror", "aria-hidden": "true" });
    this.text = "";
    this.marks = [];
    this.drawn = [];
    this.root.append("\u200b"); // a line end at the end makes a line
    area.after(this.root);
    area.addEventListener("scroll", () => this.scroll(), { passive: true });
    new ResizeObserver(() => this.fit()).observe(area);
    for (const name of ["focus", "blur"]) area.addEventListener(name, () => this.fit());
  }

  /** The words at `marks` of `text` are not known. */
  show(text, marks) {
    this.text = text;
    this.marks = marks;
    this.draw();
  }

  /** The text is another one; where its words are is found out later. */
  change(text) {
    this.show(text, shifted(this.text, text, this.marks));
  }

  /** What stands as it stood keeps its place: a key costs what it changes, however long the text. */
  draw() {
    const found = pieces(this.text, this.marks);
    const same = (one, other) => one?.[0] === other?.[0] && one?.[1]?.kind === other?.[1]?.kind;
    const most = Math.min(found.length, this.drawn.length);
    let first = 0;
    while (first < most && same(found[first], this.drawn[first])) first += 1;
    let last = 0;
    while (last < most - first && same(found.at(-1 - last), this.drawn.at(-1 - last))) last += 1;
    for (const old of [...this.root.childNodes].slice(first, this.drawn.length - last))
      old.remove();
    const fresh = found
      .slice(first, found.length - last)
      .map(([words, mark]) =>
        mark
          ? make("u", { className: mark.kind, textContent: words })
          : document.createTextNode(words),
      );
    const behind = this.root.childNodes[first] ?? null;
    for (const node of fresh) this.root.insertBefore(node, behind);
    this.drawn = found;
  }

  /** As large as what the textarea shows, which a scroll bar makes narrower. */
  fit() {
    const { area, root } = this;
    const style = getComputedStyle(area);
    for (const name of COPIED) root.style[name] = style[name];
    root.style.left = `${area.offsetLeft + area.clientLeft}px`;
    root.style.top = `${area.offsetTop + area.clientTop}px`;
    root.style.width = `${area.clientWidth}px`;
    root.style.height = `${area.clientHeight}px`;
    this.scroll();
  }

  scroll() {
    if (this.root.scrollTop !== this.area.scrollTop) this.root.scrollTop = this.area.scrollTop;
  }

  /** Where the letter number `at` stands in the window. */
  placeOf(at) {
    let left = at;
    for (const child of this.root.childNodes) {
      const node = child.firstChild ?? child;
      if (left <= node.textContent.length) {
        const range = document.createRange();
        range.setStart(node, left);
        range.setEnd(node, Math.min(left + 1, node.textContent.length));
        return range.getClientRects()[0] ?? range.getBoundingClientRect();
      }
      left -= node.textContent.length;
    }
    return this.area.getBoundingClientRect();
  }
}
