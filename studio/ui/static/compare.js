// Over the frame: the picture as it was beside what became of it, parted by a line that is dragged;
// or a map of what changed.

import { address } from "./data.js";
import { make } from "./dom.js";

const PATIENCE_MS = 300;
const WAITING = { className: "over waiting", textContent: "Looking at what was before" };
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };

export class Compare {
  /** `say(words)` tells what went wrong. */
  constructor(frame, say) {
    this.frame = frame;
    this.say = say;
    this.shown = "";
    this.over = null;
    this.share = 0.5;
  }

  /** Show `view` of `picture`: "compare", "difference", or nothing for any other. */
  async show(view, picture) {
    const isWanted = picture && (view === "compare" || view === "difference");
    const wanted = isWanted ? `${view} ${picture.id}` : "";
    if (wanted === this.shown) return;
    this.shown = wanted;
    if (!wanted) {
      this.remove();
      return;
    }
    const image = new Image();
    const rest = view === "compare" ? "before" : "difference";
    image.src = address(`${picture.url}/${rest}`);
    image.alt = view === "compare" ? "The picture as it was" : "Map of what changed";
    image.draggable = false;
    this.remove();
    const waits = () => this.shown === wanted && this.put(make("div", WAITING));
    const waiting = setTimeout(waits, PATIENCE_MS);
    const isDecoded = await image.decode().then(() => true, () => false);
    clearTimeout(waiting);
    if (this.shown !== wanted) return;
    this.remove();
    if (isDecoded) {
      this.put(view === "compare" ? this.slider(image) : make("div", { className: "over" }, image));
    } else this.say("The picture before this one cannot be loaded (any more).");
  }

  put(over) {
    this.remove();
    this.over = over;
    this.frame.append(over);
  }

  remove() {
    this.over?.remove();
    this.over = null;
  }

  slider(image) {
    const line = make("div", {
      className: "divider",
      role: "slider",
      tabIndex: 0,
      "aria-label": "Before and after",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    });
    const over = make(
      "div",
      { className: "over comparing" },
      image,
      make("span", { className: "side before", textContent: "Before" }),
      make("span", { className: "side after", textContent: "After" }),
      line,
    );
    const move = (share) => {
      this.share = Math.min(1, Math.max(0, share));
      over.style.setProperty("--share", this.share);
      line.setAttribute("aria-valuenow", String(Math.round(100 * this.share)));
      line.setAttribute("aria-valuetext", `${Math.round(100 * this.share)} % before`);
    };
    bindPointer(over, line, move);
    line.addEventListener("keydown", (event) => {
      const ends = { Home: 0, End: 1 };
      if (event.key in ends) move(ends[event.key]);
      else if (event.key in STEPS) move(this.share + STEPS[event.key] / 100);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    move(this.share);
    return over;
  }
}

function bindPointer(over, line, move) {
  const follow = (event) => {
    const { left, width } = over.getBoundingClientRect();
    move((event.clientX - left) / width);
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    over.setPointerCapture(event.pointerId);
    line.focus({ preventScroll: true });
    follow(event);
  });
  over.addEventListener("pointermove", (event) => {
    if (over.hasPointerCapture(event.pointerId)) follow(event);
  });
}
