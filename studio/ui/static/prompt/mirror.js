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
    area.after(this.root);
    area.addEventListener("scroll", () => this.scroll(), { passive: true });
    new ResizeObserver(() => this.fit()).observe(area);
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

  draw() {
    const found = pieces(this.text, this.marks).map(([words, mark]) =>
      mark ? make("u", { className: mark.kind, textContent: words }) : words,
    );
    this.root.replaceChildren(...found, "\u200b");
    this.fit(false);
  }

  /** As large as what the textarea shows, which a scroll bar makes narrower. */
  fit(isResized = true) {
    const { area, root } = this;
    if (isResized) {
      const style = getComputedStyle(area);
      for (const name of COPIED) root.style[name] = style[name];
      root.style.left = `${area.offsetLeft + area.clientLeft}px`;
      root.style.top = `${area.offsetTop + area.clientTop}px`;
    }
    const [width, height] = [area.clientWidth, area.clientHeight];
    if (width !== this.width) root.style.width = `${width}px`;
    if (height !== this.height) root.style.height = `${height}px`;
    this.width = width;
    this.height = height;
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
