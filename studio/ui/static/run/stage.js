// The place of a result: its view, which zooms and moves as that of a canvas does, and its keys.

import { bindCanvasKeys } from "../canvas/keys.js";
import { Pointers } from "../canvas/pointers.js";
import { BAND, View } from "../canvas/view.js";
import { zoomActions, zoomWords } from "../canvas/zooming.js";
import { targetOf } from "../shared/dom.js";
import { leaveRoom, view as viewShown } from "../shared/views.js";

const BESIDE = 220; // room beside the picture that words need to stand there
const CLOSER = 2;

export class Stage {
  /** `root` is the viewer's; `begin(event, view)` returns what a press on the picture starts, or null
   * to move it. */
  constructor(root, { begin, touches }) {
    this.root = root;
    this.port = root.querySelector(".stage");
    this.frame = root.querySelector(".frame");
    this.percent = root.querySelector(".canvas-percent");
    this.view = new View(this.port, this.frame, { boxed: true, band: BAND });
    this.view.onChange = () => this.viewed();
    this.pointers = new Pointers(this.port, this.view, {
      begin: (event) => begin(event, this.view),
      touches,
      menu: true,
    });
    this.actions = zoomActions(this.view);
    this.port.addEventListener("click", (event) => {
      /** @type {HTMLElement | null} */
      const button = targetOf(event).closest("[data-do]");
      if (button) this.actions[button.dataset.do]();
    });
    this.port.addEventListener("dblclick", (event) => this.turn(event));
    bindCanvasKeys({
      root: this.port,
      port: this.port,
      view: this.view,
      pointers: this.pointers,
      options: null,
      act: (name) => this.act(name),
      closePanels: () => false,
      takes: (event) => this.takes(event),
    });
  }

  /** The picture is `width` × `height`. */
  shape(width, height) {
    this.port.style.setProperty("--ratio", String(width / height));
    const { right, bottom } = this.view.content ?? {};
    if (right === width && bottom === height) return;
    this.view.exchange({ left: 0, top: 0, right: width, bottom: height });
  }

  act(name) {
    if (!(name in this.actions)) return false;
    this.actions[name]();
    return true;
  }

  /** Arrows move only what is larger than the stage; digits turn details over where these show. */
  takes({ key }) {
    if (key.startsWith("Arrow")) return !this.view.fitted;
    return viewShown() !== "details" || !/^[1-9]$/.test(key);
  }

  /** From the whole picture to its pixels, and back. */
  turn(event) {
    if (targetOf(event).closest("button, .comparing")) return;
    const { view } = this;
    if (view.fitted) view.zoomAt(Math.max(1 / view.zoom, CLOSER), event.clientX, event.clientY);
    else view.fit();
  }

  viewed() {
    const { view, root } = this;
    this.percent.textContent = zoomWords(view);
    if (!view.fitted) return;
    leaveRoom(view.spare);
    root.style.setProperty("--room", `${view.x}px`);
    root.classList.toggle("beside", view.x >= BESIDE);
  }
}
