// Where each word of the picture acted: its prompt as buttons, each of which lays a heat map over the
// picture.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get } from "../shared/server.js";
import { allowViews, onView, showView, view } from "../shared/views.js";
import { percent } from "../shared/words.js";
import { colours, cut, painted, whereabouts } from "./heat.js";

const FINER = 8; // the map is drawn so many times as large, before it gets its colours
const COLOURS = colours();
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };

export class WordMaps {
  /** `root` is the viewer's, the maps lie in `frame`; `announce(words)` reads them out. */
  constructor(root, frame, announce) {
    this.root = root;
    this.place = root.querySelector(".own-words");
    this.group = root.querySelector(".word-buttons");
    this.button = root.querySelector("[data-action=words]");
    this.frame = frame;
    this.announce = announce;
    this.turn = 0;
    this.picture = null;
    this.told = null; // what the studio says of its words
    this.chosen = -1;
    this.last = ""; // the word that was looked at, on another picture too
    this.wanted = false; // once the next picture is there it is looked at
    this.over = null;
    this.drawn = 0;
    /** Draw what a request says, which was drawn before. */
    this.drawAgain = (_request) => {};
    this.button.addEventListener("click", () => this.press());
    this.group.addEventListener("keydown", (event) => this.key(event));
    onView(() => this.render());
  }

  /** `picture` is shown, or none is. */
  async take(picture) {
    const turn = ++this.turn;
    this.picture = picture;
    this.told = null;
    this.place.classList.remove("has-words");
    this.group.replaceChildren();
    this.render();
    const { attention_maps: looked, prompt = "", seed, checkpoint } = picture?.request ?? {};
    this.button.hidden = !prompt.trim() || seed === undefined || !checkpoint;
    this.label("Where did each word act?", "Draws this picture again, and looks at it meanwhile");
    if (!looked) return;
    this.button.hidden = true; // until it is known: where there is nothing, warnings say why
    const told = await get(`${picture.url}/words`).catch(() => null);
    if (turn !== this.turn) return;
    if (!told) {
      this.wanted = false;
      return;
    }
    this.button.hidden = false;
    this.told = told;
    this.chosen = this.first();
    this.label("Where each word acted", "Show it over the picture");
    this.fill(prompt);
    allowViews({ words: true });
    if (this.wanted) showView("words");
    this.wanted = false;
  }

  label(words, title) {
    this.button.title = title;
    this.button.setAttribute("aria-label", words);
    this.button.querySelector("span").textContent = "Words"; // as its view is called
  }

  /** The word that was looked at before, if it has one; else the one that acted most. */
  first() {
    const { words } = this.told;
    const same = words.findIndex(({ word }) => word === this.last);
    if (same >= 0) return same;
    return words.reduce((best, { peak }, at) => (peak > words[best].peak ? at : best), 0);
  }

  fill(prompt) {
    const pieces = cut(prompt, this.told.words).map(([text, number]) =>
      number === null ? text : this.word(text, number),
    );
    this.group.replaceChildren(...pieces);
    this.place.classList.add("has-words");
  }

  word(text, number) {
    const { share, peak } = this.told.words[number];
    const button = make("button", {
      "type": "button",
      "textContent": text,
      "title": `${percent(share)} of the attention`,
      "aria-pressed": "false",
      "onclick": () => this.choose(number),
      "onpointerenter": (event) => event.pointerType === "mouse" && this.preview(number),
      "onpointerleave": () => this.preview(this.chosen),
    });
    button.dataset.word = String(number);
    button.style.setProperty("--peak", String(Math.sqrt(peak)));
    return button;
  }

  /** A word is pressed: once to see where it acted, once more to see the picture again. */
  choose(number) {
    const isShown = view() === "words" && this.chosen === number;
    this.chosen = number;
    this.last = this.told.words[number].word;
    if (isShown) showView("result");
    else if (view() === "words") this.render();
    else showView("words");
  }

  /** While maps are shown, that of the word under the mouse. */
  preview(number) {
    if (view() === "words") this.draw(number);
  }

  press() {
    if (this.told) showView(view() === "words" ? "result" : "words");
    else {
      this.wanted = true;
      this.drawAgain({ ...this.picture.request, attention_maps: true });
    }
  }

  key(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.group.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(event.target) + step];
    if (!next) return;
    next.focus();
    if (view() === "words") this.choose(Number(next.dataset.word));
  }

  /** Be what the view says. */
  render() {
    const isShown = this.told !== null && view() === "words";
    this.button.setAttribute("aria-pressed", String(isShown));
    for (const button of this.group.querySelectorAll("button")) {
      const isChosen = Number(button.dataset.word) === this.chosen;
      button.setAttribute("aria-pressed", String(isShown && isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    if (isShown) this.draw(this.chosen, true);
    else this.remove();
  }

  remove() {
    this.over?.remove();
    this.over = null;
  }

  async draw(number, isSaid = false) {
    const { told } = this;
    const turn = ++this.drawn;
    const levels = await this.levels(number).catch(() => null);
    if (turn !== this.drawn || told !== this.told || view() !== "words") return;
    if (levels === null) {
      this.announce("The maps of this picture cannot be loaded (any more).");
      return;
    }
    const { word, share, peak } = told.words[number];
    const words = `${word}: ${whereabouts(levels, told.width)}`;
    const canvas = heat(levels, told, Math.cbrt(peak));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", words);
    const name = make("span", {
      className: "heat-word",
      textContent: `${word} · ${percent(share)}`,
    });
    this.remove();
    this.over = make("div", { className: "over heat" }, canvas, name);
    this.over.addEventListener("click", () => showView("result"));
    this.frame.append(this.over);
    if (isSaid) this.announce(words);
  }

  /** The map of one word, a level for each cell. */
  async levels(number) {
    const { told } = this;
    if (!told.sheet) {
      const image = new Image();
      image.src = address(told.url);
      told.sheet = image.decode().then(() => image);
    }
    const { width, height } = told;
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(await told.sheet, 0, -number * height);
    const { data } = context.getImageData(0, 0, width, height);
    return Uint8Array.from({ length: width * height }, (_, at) => data[4 * at]);
  }
}

/** A canvas with a map in its colours, its levels times `strength`, so that words compare. It is
 * enlarged in gray, so that between two cells lies a level between theirs, and not a mixed colour. */
function heat(levels, { width, height }, strength) {
  const gray = new Uint8ClampedArray(4 * levels.length);
  for (let at = 0; at < levels.length; at++)
    gray.set([levels[at], levels[at], levels[at], 255], 4 * at);
  const small = make("canvas", { width, height });
  small.getContext("2d").putImageData(new ImageData(gray, width, height), 0, 0);
  const large = make("canvas", { width: FINER * width, height: FINER * height });
  const context = large.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, large.width, large.height);
  const { data } = context.getImageData(0, 0, large.width, large.height);
  const finer = Uint8Array.from({ length: data.length / 4 }, (_, at) => strength * data[4 * at]);
  context.putImageData(new ImageData(painted(finer, COLOURS), large.width, large.height), 0, 0);
  return large;
}
