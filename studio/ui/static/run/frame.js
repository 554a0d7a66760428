// The frame that holds the picture. It has the shape of the request and never changes while it runs.

import { asset } from "../shared/data.js";

export class Frame {
  /** `shape(width, height)` lets the picture have its place. */
  constructor(root, shape) {
    this.shape = shape;
    this.element = root.querySelector(".frame");
    this.note = root.querySelector(".note");
    this.bar = root.querySelector(".bar");
    this.image = null;
    this.turn = 0;
  }

  /** Show what lies at `url` once it is decoded; until then what was there stays. */
  async show(url, alt) {
    const turn = ++this.turn;
    if (this.image?.src === url) {
      this.element.classList.remove("stale");
      this.image.alt = alt;
      return true;
    }
    const image = new Image();
    image.src = url;
    image.alt = alt;
    image.draggable = false;
    try {
      await image.decode();
    } catch {
      return false;
    }
    if (turn !== this.turn) return false;
    this.swap(image);
    return true;
  }

  /** Show, dimmed, what is about to be changed. */
  async showUnder(url) {
    const turn = this.turn + 1;
    if ((await this.show(url, "The picture to change")) && this.turn === turn) {
      this.element.classList.add("stale");
    }
  }

  async showPreview(jpeg, alt) {
    const url = URL.createObjectURL(jpeg);
    const shown = await this.show(url, alt);
    if (!shown) URL.revokeObjectURL(url);
    return shown;
  }

  async showWelcome() {
    if (this.image) return;
    await this.show(asset("welcome.png"), "A picture made with the embedded model");
    if (this.image) this.shape(this.image.naturalWidth, this.image.naturalHeight);
  }

  swap(image) {
    const old = this.image;
    this.image = image;
    this.element.classList.remove("stale");
    if (old) old.replaceWith(image);
    else this.element.prepend(image);
    if (old?.src.startsWith("blob:")) URL.revokeObjectURL(old.src);
  }

  /** The picture in the frame is not of this request any more. */
  wait(words = "") {
    this.turn += 1;
    this.note.textContent = words;
    this.element.classList.add("stale");
  }

  clear() {
    this.turn += 1;
    this.image?.remove();
    this.image = null;
  }

  /** `share` of the work that is done, 0 to 1; null for none. */
  progress(share, words = "") {
    this.bar.classList.toggle("on", share !== null);
    this.bar.firstElementChild.style.transform = `scaleX(${share ?? 0})`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * (share ?? 0))));
    this.bar.setAttribute("aria-valuetext", words);
  }
}
