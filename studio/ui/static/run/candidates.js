// What came of the canvas: the pictures of a press lie in the place of the one that it began with, one
// of them is shown, accepted, in whole or in part, or all are put away. An acceptance is a step of the
// picture that is worked on.

import { pngOf } from "../canvas/png.js";
import { uploaded } from "../canvas/uploads.js";
import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { isFull } from "../shared/full.js";
import * as pictures from "../shared/pictures.js";
import { send } from "../shared/server.js";
import { forget, read, write } from "../shared/store.js";
import { onTask, task } from "../shared/task.js";
import { onView, showView, view } from "../shared/views.js";
import { Part } from "./part.js";
import { thumbnail } from "./strip.js";

const KINDS = ["inpaint", "outpaint", "details"];
const KEY = "candidates";
const SIDE = 128; // of their thumbnails
const PEEK = "x";
const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };

export class Candidates {
  /** `root` is the viewer's; the picture shows in `frame` at the place that `stage` has for it. Of `to`
   * show(picture, all) shows one of them, accept(again) makes that which is shown the picture that is
   * worked on, adopt(picture, words, again) one that was just made, without turning to it, offer(words,
   * undo) and announce(words) tell. */
  constructor(root, frame, stage, to) {
    this.root = root.querySelector(".candidates");
    this.frame = frame;
    this.port = stage.port;
    this.to = to;
    this.part = new Part(root, this.root.querySelector(".candidates-part"), {
      view: stage.view,
      frame,
      changed: () => this.render(),
    });
    this.strip = this.root.querySelector(".candidates-strip");
    this.lack = this.root.querySelector(".candidates-lack");
    this.rest = this.root.querySelector("select");
    this.whole = new Map(); // id -> all about it
    /** {kind, entries, base}: base is {ref, url} of what they are put into, `id` if it is one of the
     * library; null for none. */
    this.state = read(KEY, null);
    this.press = null;
    this.picture = null;
    this.at = 0; // 0: what was before, then the candidates
    this.over = null;
    this.bind();
    onView(() => this.render());
    onTask(() => this.render());
  }

  bind() {
    const acts = {
      "accept": () => this.accept(),
      "part": () => this.beginPart(),
      "discard": () => this.discard(),
      "keep": () => this.keep(),
      "back": () => this.endPart(),
      "part-undo": () => this.part.mask?.undo(),
      "part-redo": () => this.part.mask?.redo(),
    };
    this.root.addEventListener("click", ({ target }) => {
      const button = /** @type {HTMLElement} */ (target).closest("button");
      const { candidates, action } = button?.dataset ?? {};
      acts[candidates ?? action]?.();
    });
    this.rest.addEventListener("change", () => this.turnRest());
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keyup", ({ key }) => key === PEEK && this.peek(false));
    addEventListener("blur", () => this.peek(false));
  }

  /** Are they in sight? */
  get isShown() {
    return this.at >= 0 && this.state?.kind === task() && view() === "result";
  }

  get all() {
    return this.state?.entries ?? [];
  }

  /** That which is shown; null for what was before. */
  get shown() {
    return this.all[this.at - 1] ?? null;
  }

  /** `made` came of the canvas, by the same press as others before it. */
  offer(made, press) {
    const { kind } = made[0].request.task;
    if (!KINDS.includes(kind)) return;
    for (const one of made) this.whole.set(one.id, one);
    const entries = made.map(({ id, url }) => ({ id, url }));
    const isMore = press === this.press && this.state?.kind === kind;
    this.press = press;
    this.set(
      isMore
        ? { ...this.state, entries: [...this.all, ...entries] }
        : { kind, entries, base: baseOf(made[0]) },
    );
    const { activeElement } = document;
    if (activeElement === document.body || activeElement?.closest(".source"))
      this.port.focus({ preventScroll: true });
  }

  set(state) {
    this.state = state;
    if (state) write(KEY, state);
    else forget(KEY);
  }

  /** `picture` is in the frame, or none is. */
  take(picture) {
    this.picture = picture;
    const at = this.all.findIndex(({ id }) => id === picture?.id) + 1;
    const isBase = picture !== null && picture?.id === this.state?.base?.id;
    this.at = at || isBase ? at : -1;
    this.showBase(false);
    this.lack.textContent = "";
    if (at > 0) this.whole.set(picture.id, picture);
    else if (this.part.isOn) this.part.stop();
    this.render();
  }

  render() {
    const { isShown } = this;
    if (!isShown) {
      this.part.stop();
      this.showBase(false);
    }
    this.root.hidden = !isShown;
    document.body.classList.toggle("choosing", isShown);
    document.body.classList.toggle("painting-part", this.part.isOn);
    if (!isShown) return;
    this.renderStrip();
    const on = (name) => this.root.querySelector(`[data-candidates=${name}]`);
    this.root.querySelector(".candidates-acts").hidden = this.part.isOn;
    this.root.querySelector(".candidates-part").hidden = !this.part.isOn;
    const isDone = this.at === 0 && this.state.base.id;
    on("accept").disabled = !this.shown && !isDone;
    on("accept").textContent = isDone ? "Done" : "Accept";
    on("part").disabled = !this.shown;
    on("keep").disabled = this.part.isBlank;
    const { past = [], future = [] } = this.part.mask ?? {};
    this.root.querySelector("[data-action=part-undo]").disabled = past.length === 0;
    this.root.querySelector("[data-action=part-redo]").disabled = future.length === 0;
  }

  renderStrip() {
    const wanted = [this.state.base, ...this.all].map(({ url }) => url).join();
    if (this.strip.dataset.of !== wanted) {
      const focused = [...this.strip.children].indexOf(document.activeElement);
      this.strip.replaceChildren(...[this.state.base, ...this.all].map(this.tile, this));
      this.strip.dataset.of = wanted;
      if (focused >= 0) this.tileAt(focused)?.focus();
    }
    for (const [at, tile] of [...this.strip.children].entries())
      tile.setAttribute("aria-pressed", String(at === this.at));
  }

  tile(one, at) {
    const small = one.id ? thumbnail(one, SIDE) : address(one.url);
    const label = at ? `Candidate ${at}` : `0: ${this.wordsOfBase()}`;
    return make(
      "button",
      {
        "type": "button",
        "className": "candidates-tile",
        "aria-label": label,
        "title": at ? label : `${label} (hold X to look)`,
        "onclick": () => this.choose(at),
      },
      make("img", { src: small, alt: "", draggable: false }),
      make("span", { textContent: `${at}` }),
    );
  }

  tileAt = (at) => /** @type {HTMLElement | undefined} */ (this.strip.children[at]);

  wordsOfBase() {
    return this.state.base.id ? "As kept so far" : "Before";
  }

  // Looking

  /** Show candidate `at`, or with 0 what was before. */
  async choose(at) {
    if (!this.isShown || at < 0 || at > this.all.length) return;
    const { base } = this.state;
    if (at === 0 && this.part.isOn) return; // there is nothing of it to be painted
    this.tileAt(at).focus({ preventScroll: true });
    this.to.announce(at ? `Candidate ${at}` : this.wordsOfBase());
    if (at === 0 && !base.id) {
      this.at = 0;
      this.showBase(true);
      this.render();
      return;
    }
    const one = at ? this.all[at - 1] : base;
    await this.see(one);
  }

  async see({ id }) {
    try {
      const all = await Promise.all(this.all.map((one) => this.about(one.id)));
      await this.to.show(await this.about(id), all);
    } catch (error) {
      this.lack.textContent = error.message;
    }
  }

  async about(id) {
    if (!this.whole.has(id)) this.whole.set(id, await pictures.details(id));
    return this.whole.get(id);
  }

  /** What was before lies over the picture in the frame. */
  showBase(isWanted) {
    this.over?.remove();
    this.over = null;
    if (!isWanted) return;
    const image = make("img", {
      src: address(this.state.base.url),
      alt: this.wordsOfBase(),
      draggable: false,
    });
    this.over = make("div", { className: "over" }, image);
    this.frame.append(this.over);
  }

  /** For as long as a key is held. */
  peek(isHeld) {
    if (isHeld ? !this.isShown || !this.shown : !this.isPeeking) return;
    this.isPeeking = isHeld;
    this.showBase(isHeld);
  }

  // Deciding

  async accept() {
    if (!this.isShown) return;
    const { state } = this;
    if (this.at === 0 && state.base.id) {
      this.set(null); // it is worked on already
      showView("source");
    }
    if (!this.shown) return;
    const at = this.at;
    await this.to.accept(() => this.again(state, at));
    if (view() === "source") this.set(null);
  }

  discard() {
    const { state, at } = this;
    this.set(null);
    showView("source");
    this.to.offer("The candidates are put away; they are in the library", () => {
      this.again(state, at);
      showView("result");
    });
  }

  /** They are offered once more, as they were. */
  async again(state, at) {
    this.set(state);
    const one = state.entries[Math.max(0, at - 1)];
    await this.see(one);
  }

  // A part

  /** Paint in what is shown; the rest is as before, or as in another candidate. */
  async beginPart(mask = null) {
    if (!this.shown || !this.picture) return;
    const label = (at) => (at ? `Candidate ${at}` : this.wordsOfBase());
    const options = [0, ...this.all.map((_, at) => at + 1)].map((at) =>
      make("option", { value: `${at}`, textContent: label(at) }),
    );
    this.rest.replaceChildren(...options);
    this.rest.value = "0";
    const base = await this.image(this.state.base.url);
    if (!base || !this.isShown) return;
    const { naturalWidth: width, naturalHeight: height } = base;
    this.part.begin({ width, height }, base, mask);
    this.render();
    this.port.focus({ preventScroll: true });
    this.to.announce("Paint where this one is wanted");
  }

  async turnRest() {
    const base = await this.image(this.restOf().url);
    if (base && this.part.isOn) this.part.turn(base);
  }

  restOf() {
    return [this.state.base, ...this.all][Number(this.rest.value)];
  }

  async image(url) {
    const image = new Image();
    image.src = address(url);
    try {
      await image.decode();
      return image;
    } catch {
      this.lack.textContent = "What was before cannot be loaded (any more).";
      return null;
    }
  }

  endPart() {
    this.part.stop();
    this.render();
    this.tileAt(this.at)?.focus({ preventScroll: true });
  }

  async keep() {
    const { part, state, at, shown } = this;
    const { mask } = part;
    if (part.isBlank || this.isKeeping) return;
    this.isKeeping = true;
    this.lack.textContent = "";
    const rest = this.restOf();
    const base = rest.id ? `picture:${rest.id}` : rest.ref;
    try {
      const { image } = await uploaded(await pngOf(mask));
      const path = `studio/v1/images/${encodeURIComponent(shown.id)}/keep`;
      const made = await send("POST", path, { mask: image, base });
      const picture = await this.about(made.id);
      pictures.came.tell([made.id]);
      part.stop();
      this.set({ ...state, base: { id: made.id, url: made.url } });
      await this.to.adopt(picture, `A part of candidate ${at} is kept`, async () => {
        await this.again(state, at);
        await this.beginPart(mask);
      });
      await this.see(made);
      this.tileAt(0)?.focus({ preventScroll: true });
    } catch (error) {
      this.lack.textContent = error.message;
    }
    this.isKeeping = false;
  }

  // Keys

  key(event) {
    const { key, target } = event;
    const isBusy = document.querySelector("dialog[open]") || event.defaultPrevented;
    if (!this.isShown || isBusy || event.isComposing || event.altKey) return;
    if (isWriting(target)) {
      if (key === "Escape") this.leaveText(event);
      return;
    }
    if (!(this.part.isOn && this.part.key(event)) && !this.act(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page's own keys come after
    if (key !== PEEK) this.render();
  }

  /** False for a key that is not meant for them. */
  act({ key, target, repeat, ctrlKey, metaKey }) {
    if (ctrlKey || metaKey) return false;
    if (/^\d$/.test(key) && Number(key) <= this.all.length) this.choose(Number(key));
    else if (key in ARROWS) this.choose(this.at + ARROWS[key]);
    else if (key === PEEK) repeat || this.peek(true);
    else if (key === "Enter" && !isPressed(target)) {
      if (this.part.isOn) this.keep();
      else this.accept();
    } else if (key === "Escape" && !isOpen()) {
      if (this.part.isOn) this.endPart();
      else this.discard();
    } else return false;
    return true;
  }

  /** Out of the prompt to where the other keys are. */
  leaveText(event) {
    if (!event.target.closest("#prompt-bar") || isOpen()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.tileAt(Math.max(0, this.at))?.focus();
  }
}

/** What a picture began with, as it lies under it; `ref` is null for what the studio itself knows. */
function baseOf({ url, request }) {
  const { sketch, image } = request.task;
  if (!sketch) return { ref: null, url: `${url}/before` };
  const id = encodeURIComponent(image.replace("input:", "")); // before, a sketch lies over it
  return { ref: image, url: `studio/v1/uploads/${id}/view` };
}

/** Does Escape mean something else first? */
const isOpen = () =>
  isFull() ||
  document.body.classList.contains("busy") ||
  document.body.classList.contains("sheet") ||
  document.querySelector("[popover]:popover-open") !== null;

const isWriting = (at) =>
  at.isContentEditable ||
  at.matches?.("textarea, select, input:not([type=range], [type=checkbox], [type=radio])");

/** Does Enter press what has the focus, which is none of them? */
const isPressed = (at) =>
  Boolean(at.closest?.("a, button, summary")) && !at.closest(".candidates-strip");
