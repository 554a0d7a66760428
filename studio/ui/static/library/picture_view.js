// The picture in its port: zoom and pan, and another one over it, parted by a line.

import { Pointers } from "../canvas/pointers.js";
import { View } from "../canvas/view.js";
import { zoomWords } from "../canvas/zooming.js";
import { address } from "../shared/data.js";
import { veil } from "../shared/veil.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };

export class PictureView {
  constructor(root) {
    this.port = root.querySelector(".picture-port");
    this.world = this.port.querySelector(".canvas-world");
    this.lack = this.port.querySelector(".picture-lack");
    this.divider = this.port.querySelector(".picture-divider");
    this.sides = [...this.port.querySelectorAll(".side")];
    this.zoom = root.querySelector(".canvas-percent");
    this.view = new View(this.port, this.world);
    this.turn = 0;
    this.share = 0.5;
    this.against = null;
    new Pointers(this.port, this.view, { begin: () => null });
    this.view.onChange = () => this.moved();
    this.bindDivider();
  }

  /** Show `one`, an entry of the library: its thumbnail until it is there itself. */
  async show(one) {
    const turn = ++this.turn;
    this.compare(null);
    this.lack.hidden = true;
    this.port.setAttribute("aria-label", one.prompt || "Picture");
    const image = placed(one);
    image.src = address(one.thumbnail_url);
    this.world.replaceChildren(image);
    veil(this.port, one, () => this.show(one));
    this.view.show({ left: 0, top: 0, right: one.width, bottom: one.height });
    const whole = placed(one);
    whole.src = address(one.url);
    try {
      await whole.decode();
    } catch {
      if (turn === this.turn) this.say("This picture cannot be loaded (any more).");
      return;
    }
    if (turn === this.turn) image.replaceWith(whole);
  }

  /** Instead of a picture, words. */
  say(words) {
    this.turn += 1;
    veil(this.port, null);
    this.compare(null);
    this.world.replaceChildren();
    this.lack.textContent = words;
    this.lack.hidden = false;
  }

  /** Lay `one` over the picture, to the left of the line, as large; null takes it away. */
  async compare(one) {
    this.against?.remove();
    this.against = null;
    for (const element of [this.divider, ...this.sides]) element.hidden = one === null;
    if (one === null) return true;
    const image = placed(one);
    image.className = "against";
    image.style.width = this.world.firstElementChild?.style.width ?? "";
    image.style.height = this.world.firstElementChild?.style.height ?? "";
    image.src = address(one.url);
    this.against = image;
    this.world.append(image);
    this.part(this.share);
    return image.decode().then(
      () => true,
      () => false,
    );
  }

  /** What the two sides are called. */
  name(before, after) {
    this.sides[0].textContent = before;
    this.sides[1].textContent = after;
  }

  /** Let the line stand at `share` of the picture's width. */
  part(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.port.style.setProperty("--share", String(this.share));
    this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.share)));
    this.moved();
  }

  moved() {
    this.zoom.textContent = zoomWords(this.view);
    const { content } = this.view;
    if (!this.against || !content) return;
    this.divider.style.left = `${this.view.fromPicture(this.share * content.right, 0)[0]}px`;
  }

  bindDivider() {
    const { divider } = this;
    divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      divider.setPointerCapture(event.pointerId);
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      this.part(this.view.toPicture(event.clientX, 0)[0] / this.view.content.right);
    });
    divider.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.part(this.share + step / 100);
    });
  }
}

function placed(one) {
  const image = new Image();
  image.alt = "";
  image.draggable = false;
  image.style.width = `${one.width}px`;
  image.style.height = `${one.height}px`;
  return image;
}
