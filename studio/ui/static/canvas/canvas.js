// The canvas of an editing tab, put together: the picture, its view, the tools, and the ways in
// which a picture arrives.

import { address } from "../shared/data.js";
import { make, targetOf } from "../shared/dom.js";
import { carried, carries } from "../shared/pictures.js";
import { isShown } from "../shared/tabs.js";
import { isSketched } from "../shared/task.js";
import { leaveRoom, onView, showView } from "../shared/views.js";
import { ColourTools } from "./colour_tools.js";
import { FrameEdges } from "./frame.js";
import { gaze, lookAt, remember } from "./gaze.js";
import { KeyBox } from "./key_box.js";
import { bindCanvasKeys } from "./keys.js";
import { bindOptions, Options } from "./options.js";
import { Overlay } from "./overlay.js";
import { Paint } from "./paint.js";
import { pngOf } from "./png.js";
import { Pointers } from "./pointers.js";
import { lastResult, recent } from "./recent.js";
import { grow } from "./regions.js";
import { Selecting } from "./selecting.js";
import { shareWords } from "./source.js";
import {
  isForSettings,
  maskPainted,
  offerFiles,
  onSource,
  source as sourceNamed,
} from "./sources.js";
import { lastOf, nextOf } from "./steps.js";
import { arrivals, uploaded } from "./uploads.js";
import { BAND, FOOT, View } from "./view.js";
import * as chain from "./working.js";
import { zoomActions, zoomWords } from "./zooming.js";

const SAY_MS = 6000;
const HANDLE_PX = 4; // of a handle of the frame that lie outside of it
const STEPS = ["undo", "redo"];

export function canvas(element) {
  new Canvas(element, element.dataset.kind);
}

class Canvas {
  constructor(root, kind) {
    this.root = root;
    this.tab = kind.replaceAll("_", "-");
    this.source = sourceNamed(kind);
    this.port = root.querySelector(".canvas-port");
    this.world = root.querySelector(".canvas-world");
    this.note = root.querySelector(".canvas-note");
    const margin = this.source.canvas === "frame" ? HANDLE_PX : undefined;
    this.view = new View(this.port, this.world, { margin, foot: FOOT, band: BAND });
    this.view.onChange = () => this.viewed();
    recent(root, (picture) => this.take([picture]));
    if (this.source.hasMask || isSketched(kind)) this.bindTools(kind);
    if (this.source.canvas === "frame") {
      this.frame = new FrameEdges(root, this.view, this.source, (words) => this.say(words));
    }
    this.pointers = new Pointers(this.port, this.view, {
      begin: (event) => this.begin(event),
      touches: () => this.source.hasMask || Boolean(this.colours?.isOn),
    });
    this.actions = this.listActions();
    this.bindButtons();
    this.bindFiles();
    bindCanvasKeys({
      root,
      port: this.port,
      view: this.view,
      pointers: this.pointers,
      options: this.options,
      act: (name) => this.act(name),
      closePanels: () => this.closePanels(),
      takes: (event) => this.colours?.isOn || !this.box?.takes(event),
    });
    this.source.ask = (question) => this.ask(question);
    this.source.onPicture = () => this.arrive();
    this.source.onMask = () => this.showMask();
    onSource((changed) => changed === kind && this.show());
    chain.onWorking(() => this.show());
    onView(() => isShown(this.tab) && this.arrive());
    this.showMask();
    this.arrive();
  }

  // What is painted

  bindTools(kind) {
    /** @type {Options & import("./options.js").Values} */
    this.options = /** @type {any} */ (new Options());
    if (this.source.hasMask) this.bindMask();
    if (isSketched(kind)) this.colours = new ColourTools(this.root, this);
    const showOptions = bindOptions(this.root, this.options);
    const tint = () => this.overlay?.tint(this.options.colour, this.options.overlay / 100);
    this.options.onChange = (name) => {
      showOptions();
      if (name === "detector") this.selecting?.show();
      if (name === "colour" || name === "overlay") tint();
      this.paint?.refresh();
      this.colours?.paint.refresh();
    };
    showOptions();
    tint();
  }

  bindMask() {
    this.overlay = new Overlay(this.world);
    this.paint = new Paint(this.root, this.view, this.source, this.options);
    this.box = new KeyBox(this.paint, (words, stays) => this.say(words, stays));
    this.selecting = new Selecting({
      root: this.root,
      view: this.view,
      source: this.source,
      options: this.options,
      say: (words, stays) => this.say(words, stays),
    });
  }

  /** What a press of the pointer begins; null to move the view. */
  begin(event) {
    if (this.colours?.isOn) return this.colours.begin(event);
    return this.selecting?.begin(event) ?? this.paint?.begin(event) ?? null;
  }

  /** What has steps that can be undone. */
  get steps() {
    return [this.source.mask ?? this.source, ...(this.colours?.steps ?? [])];
  }

  showMask() {
    if (!this.overlay) return;
    this.overlay.show(this.source.mask);
    if (this.view.content) this.overlay.follow(this.view.visible, this.view.zoom);
    this.show();
  }

  async uploadMask() {
    const file = await this.choose();
    if (file) await this.trying(() => this.source.put({ mask: file }, { ask: true }));
  }

  async downloadMask() {
    const { mask } = this.source;
    saved(await pngOf(mask), `mask-${mask.width}x${mask.height}.png`);
  }

  async uploadSketch() {
    const file = await this.choose();
    const { colours } = this.colours;
    if (file && colours) await this.trying(async () => colours.take((await uploaded(file)).image));
  }

  async downloadSketch() {
    const { width, height } = this.source.picture;
    saved(await this.colours.png(), `sketch-${width}x${height}.png`);
  }

  // The picture

  /** The picture is another one, or on its way; it is loaded once somebody looks. */
  async arrive() {
    const { picture, arriving } = this.source;
    const there = gaze();
    this.say(arriving ?? "", true);
    this.root.classList.toggle("arriving", Boolean(arriving));
    const url = picture && address(picture.url);
    if (url === this.shownUrl) {
      this.lookAt(there);
      return;
    }
    if (url && !isShown(this.tab)) return;
    this.shownUrl = url;
    if (!picture) {
      this.root.dataset.state = "empty";
      this.view.content = null;
      this.show();
      return;
    }
    const image = make("img", { src: url, alt: "", draggable: false });
    image.style.width = `${picture.width}px`;
    image.style.height = `${picture.height}px`;
    this.world.classList.add("changing");
    const isDecoded = await image.decode().then(
      () => true,
      () => false,
    );
    if (this.shownUrl !== url) return;
    if (!isDecoded) {
      this.source.lose();
      this.say("The picture cannot be loaded (any more).");
      return;
    }
    this.world.querySelector("img").replaceWith(image);
    this.world.classList.remove("changing");
    this.options?.suit(picture);
    this.root.dataset.state = "ready";
    this.view.show(this.bounds);
    this.lookAt(there);
    this.show();
  }

  /** Look where the same picture was looked at elsewhere. */
  lookAt(there) {
    const isOther = there && there.tab !== this.tab && there.image === this.source.picture?.image;
    if (isOther) lookAt(this.view, there);
  }

  get bounds() {
    const { width, height } = this.source.picture;
    return this.frame?.bounds ?? { left: 0, top: 0, right: width, bottom: height };
  }

  viewed() {
    this.root.querySelector(".canvas-percent").textContent = zoomWords(this.view);
    this.overlay?.follow(this.view.visible, this.view.zoom);
    this.paint?.refresh();
    this.colours?.viewed();
    if (this.frame && this.source.picture) this.frame.draw();
    if (this.view.fitted) leaveRoom(this.view.spare, this.source.kind);
    if (isShown(this.tab)) remember(this.view, this.tab, this.source.picture?.image);
  }

  /** Everything that depends on the source's state. */
  show() {
    const { source } = this;
    this.enable("undo", Boolean(lastOf(this.steps)));
    this.enable("redo", Boolean(nextOf(this.steps)));
    this.colours?.show();
    this.showChain();
    for (const name of ["mask-grow", "mask-shrink", "mask-clear"]) this.enable(name, source.masked);
    const share = this.root.querySelector(".canvas-share");
    if (share) share.textContent = source.masked ? `${shareWords(source.mask.share)} masked` : "";
    if (this.frame && source.picture && this.view.content) {
      this.view.content = this.bounds;
      this.frame.draw();
    }
  }

  /** The way back to what was worked on before, and whether the picture is one of its own. */
  showChain() {
    const { pinned } = this.source;
    this.enable("picture-back", !pinned && chain.mayUndo());
    this.enable("picture-forward", !pinned && chain.mayRedo());
    const pin = this.root.querySelector("[data-do=pin]");
    pin.setAttribute("aria-pressed", String(pinned));
    pin.title = pinned
      ? "Pinned to a picture of its own. Press to follow the picture that is worked on again"
      : "Pin: keep this picture here, whatever is worked on in the other tools";
  }

  enable(name, isEnabled) {
    for (const button of this.root.querySelectorAll(`[data-do=${name}]`)) {
      button.disabled = !isEnabled;
    }
  }

  // Ways in

  bindFiles() {
    addEventListener("dragover", (event) => this.dragged(event));
    addEventListener("dragleave", () => this.root.classList.remove("dropping"));
    addEventListener("drop", (event) => this.dropped(event));
    document.addEventListener("paste", (event) => this.pasted(event));
  }

  /** The file that somebody chooses; null for none. */
  choose() {
    const box = this.root.querySelector(".canvas-file");
    box.value = "";
    return new Promise((done) => {
      box.onchange = () => done(box.files[0] ?? null);
      box.oncancel = () => done(null);
      box.click();
    });
  }

  async choosePicture() {
    const file = await this.choose();
    if (file) this.take([file]);
  }

  async removePicture() {
    const { source } = this;
    const question = {
      title: "Remove the picture?",
      words: source.masked ? `Its mask, ${shareWords(source.mask.share)} of it, goes too.` : "",
      answers: [{ value: "remove", label: "Remove it", primary: true }],
    };
    if (!source.masked || (await this.ask(question))) source.remove();
  }

  dragged(event) {
    const { dataTransfer } = event;
    if (!isShown(this.tab) || isForSettings(event)) return;
    if (!carries(dataTransfer) && !dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.root.classList.add("dropping");
  }

  dropped(event) {
    this.root.classList.remove("dropping");
    if (!isShown(this.tab) || event.defaultPrevented || isForSettings(event)) return;
    const picture = carried(event.dataTransfer);
    const files = picture ? [picture] : [...event.dataTransfer.files];
    if (files.length === 0) return;
    event.preventDefault();
    this.take(files);
  }

  pasted(event) {
    if (!isShown(this.tab) || event.defaultPrevented) return;
    const files = [...(event.clipboardData?.files ?? [])];
    const pictures = files.filter((one) => one.type.startsWith("image/"));
    if (pictures.length === 0 || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    this.take(pictures);
  }

  async take(files) {
    if (files.length > 1 && offerFiles(this.source.kind, files)) return;
    showView("source");
    await this.trying(async () => {
      const isTaken = await this.source.put(files[0], { ask: true });
      if (isTaken && files[0] instanceof File) arrivals.tell(files[0]);
    });
  }

  async trying(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message);
    }
  }

  // Buttons

  listActions() {
    const { source, view } = this;
    const mask = (work) => () => source.mask && !source.mask.edit && work(source.mask);
    return {
      "picture-choose": () => this.choosePicture(),
      "picture-last": () => this.take([lastResult()]),
      "picture-remove": () => this.removePicture(),
      "picture-back": () => chain.undo(),
      "picture-forward": () => chain.redo(),
      "pin": () => source.pin(!source.pinned),
      ...zoomActions(view),
      "keys": () => this.root.querySelector(".canvas-keys").showModal(),
      "keys-close": () => this.root.querySelector(".canvas-keys").close(),
      "menu": (button) => this.togglePanel(button),
      "undo": () => lastOf(this.steps)?.undo(),
      "redo": () => nextOf(this.steps)?.redo(),
      "frame-reset": () => this.frame.reset(),
      "mask-invert": mask((one) => one.invert()),
      "mask-grow": mask((one) => grow(one, this.options.step)),
      "mask-shrink": mask((one) => grow(one, -this.options.step)),
      "mask-clear": mask((one) => one.clear()),
      "colour-mask": () => maskPainted(source.kind),
      "colour-clear": () => this.colours.colours?.clear(),
      "colour-upload": () => this.uploadSketch(),
      "colour-download": () => this.downloadSketch(),
      "mask-upload": () => this.uploadMask(),
      "mask-download": mask(() => this.downloadMask()),
    };
  }

  bindButtons() {
    this.root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.actions[button.dataset.do](button);
    });
    addEventListener("pointerdown", (event) => {
      if (!targetOf(event).closest?.(".canvas-menu")) this.closePanels();
    });
  }

  /** Do what the button `name` does; false without such a button. Undo and redo are the page's where
   * nothing here is left to be undone. */
  act(wanted) {
    if (wanted === "layer") return Boolean(this.colours?.toggle());
    const name = this.colours?.meant(wanted) ?? wanted;
    const button = this.root.querySelector(`[data-do=${name}]`);
    if (!button || (STEPS.includes(name) && button.disabled)) return false;
    if (!button.disabled && this.source.picture) this.actions[name](button);
    return true;
  }

  togglePanel(button) {
    const wasOpen = button.getAttribute("aria-expanded") === "true";
    this.closePanels();
    button.setAttribute("aria-expanded", String(!wasOpen));
    button.nextElementSibling.hidden = wasOpen;
  }

  /** False if none was open. */
  closePanels() {
    const open = this.root.querySelectorAll(".canvas-menu [aria-expanded=true]");
    for (const button of open) {
      button.setAttribute("aria-expanded", "false");
      button.nextElementSibling.hidden = true;
    }
    return open.length > 0;
  }

  // Words

  say(words, stays = false) {
    this.note.textContent = words;
    clearTimeout(this.silence);
    if (words && !stays) this.silence = setTimeout(() => this.say(""), SAY_MS);
  }

  /** The value of the answer that is chosen; null if the question is cancelled. */
  ask({ title, words, answers }) {
    const dialog = this.root.querySelector(".canvas-ask");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("p").textContent = words;
    return new Promise((done) => {
      const button = ({ value, label, primary }) =>
        make("button", {
          type: "button",
          className: primary ? "primary small" : "plain framed",
          textContent: label,
          onclick: () => dialog.close(value),
        });
      const all = [...answers, { value: "", label: "Cancel" }];
      dialog.querySelector(".canvas-answers").replaceChildren(...all.map(button));
      dialog.returnValue = "";
      dialog.onclose = () => done(dialog.returnValue || null);
      dialog.showModal();
    });
  }
}

/** The browser keeps `blob` as a file. */
function saved(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
