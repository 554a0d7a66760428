// The place of a result: its view, which zooms and moves as that of a canvas does, and its keys.

import { gaze, lookAt, remember } from "../canvas/gaze.js";
import { bindCanvasKeys } from "../canvas/keys.js";
import { Pointers } from "../canvas/pointers.js";
import { BAND, View } from "../canvas/view.js";
import { zoomActions, zoomWords } from "../canvas/zooming.js";
import { targetOf } from "../shared/dom.js";
import { leaveRoom, view as viewShown } from "../shared/views.js";

const BESIDE = 220; // room beside the picture that words need to stand there
const CLOSER = 2;
const RESULT = "result";

export class Stage {
  /** `root` is the viewer's; `begin(event, view)` returns what a press on the picture starts, or null
   * to move it; `digits()` says whether digits choose something; `seen()` is called after each change
   * of zoom and place. */
  constructor(root, { begin, touches, digits, seen }) {
    this.digits = digits;
    this.seen = seen;
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

  /** Arrows move only what is larger than the stage; digits turn details over where these show, or
   * choose a candidate. */
  takes({ key }) {
    if (key.startsWith("Arrow")) return !this.view.fitted;
    if (!/^\d$/.test(key)) return true;
    return viewShown() === "details" ? key === "0" : !this.digits();
  }

  /** Somebody looks at the picture `image` here. */
  remember(image) {
    remember(this.view, RESULT, image);
  }

  /** Look at what a task began with where it is looked at on its canvas; around an outpaint that lies
   * further in. */
  follow({ kind, left = 0, top = 0 }) {
    const there = gaze();
    if (there?.tab !== kind.replaceAll("_", "-")) return;
    lookAt(this.view, { ...there, x: there.x + left, y: there.y + top });
  }

  /** From the whole picture to its pixels, and back. */
  turn(event) {
    if (targetOf(event).closest("button, .comparing, .part")) return;
    const { view } = this;
    if (view.fitted) view.zoomAt(Math.max(1 / view.zoom, CLOSER), event.clientX, event.clientY);
    else view.fit();
  }

  viewed() {
    const { view, root } = this;
    this.percent.textContent = zoomWords(view);
    this.seen();
    if (!view.fitted) return;
    leaveRoom(view.spare);
    root.style.setProperty("--room", `${view.x}px`);
    root.classList.toggle("beside", view.x >= BESIDE);
  }
}
