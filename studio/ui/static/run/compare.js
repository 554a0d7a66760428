// Over the frame: the picture as it was, or a map that led it, beside what became of it, parted by a
// line that is dragged; or a map of what changed; or a seamless tile beside itself.

import { address } from "../shared/data.js";
import { make, targetOf } from "../shared/dom.js";

const PATIENCE_MS = 300;
const REACH_PX = 28; // from the line, where a press elsewhere moves the picture
const WAITING = { className: "over waiting", textContent: "Looking at what was before" };
const VIEWS = {
  compare: { rest: () => "before", alt: "The picture as it was", sides: ["Before", "After"] },
  difference: { rest: () => "difference", alt: "Map of what changed", sides: null },
  tiles: { rest: () => "", alt: "The picture beside itself", sides: null },
  maps: { rest: (unit) => `control/${unit}`, alt: "The map that led it", sides: ["Map", "Result"] },
};
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };

export class Compare {
  /** `say(words)` tells what went wrong. */
  constructor(frame, say) {
    this.frame = frame;
    this.say = say;
    this.shown = "";
    this.over = null;
    this.share = 0.5;
    this.unit = 1; // of those whose maps are shown
  }

  /** Show `view` of `picture`: one of VIEWS, or nothing for any other. */
  async show(view, picture) {
    const { rest, alt, sides } = VIEWS[view] ?? {};
    const units = picture?.request.controls?.length ?? 0;
    this.unit = Math.min(this.unit, Math.max(1, units));
    const place = picture && rest ? rest(this.unit) : "";
    const wanted = picture && rest ? `${view} ${place} ${picture.id}` : "";
    if (wanted === this.shown) return;
    this.shown = wanted;
    if (!wanted) {
      this.remove();
      return;
    }
    const image = new Image();
    image.src = address(place ? `${picture.url}/${place}` : picture.url);
    image.alt = alt;
    image.draggable = false;
    this.remove();
    const waits = () => this.shown === wanted && this.put(make("div", WAITING));
    const waiting = setTimeout(waits, PATIENCE_MS);
    const isDecoded = await image.decode().then(
      () => true,
      () => false,
    );
    clearTimeout(waiting);
    if (this.shown !== wanted) return;
    this.remove();
    if (isDecoded && view === "tiles") this.put(tiles(image));
    else if (isDecoded)
      this.put(sides ? this.slider(image, sides) : make("div", { className: "over" }, image));
    else this.say(`${alt} cannot be loaded (any more).`);
    if (view === "maps" && units > 1) this.offerUnits(units, picture);
  }

  /** Which unit's map is shown. */
  offerUnits(count, picture) {
    const button = (unit) =>
      make("button", {
        "type": "button",
        "textContent": `Unit ${unit}`,
        "aria-pressed": String(unit === this.unit),
        "onpointerdown": (event) => event.stopPropagation(),
        "onclick": () => {
          this.unit = unit;
          this.show("maps", picture);
        },
      });
    const buttons = Array.from({ length: count }, (_, at) => button(at + 1));
    this.over?.append(make("div", { className: "over-units" }, ...buttons));
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

  /** Is the line to be moved where the finger is? */
  isFor(event) {
    return Boolean(this.over?.matches(".comparing") && this.over.contains(targetOf(event)));
  }

  /** What a press starts: the line follows it; of a picture that fills more than the stage only where
   * it is near. Null if there is none. */
  begin(event, { fitted }) {
    if (!this.isFor(event) || event.button !== 0) return null;
    const { left, width } = this.over.getBoundingClientRect();
    const shareAt = ({ clientX }) => (clientX - left) / width;
    if (!fitted && Math.abs(shareAt(event) - this.share) * width > REACH_PX) return null;
    const { share, move } = this;
    move(shareAt(event));
    return {
      focus: this.over.querySelector(".divider"),
      move: (events) => move(shareAt(events.at(-1))),
      end: () => {},
      cancel: () => move(share),
    };
  }

  slider(image, [before, after]) {
    const line = make("div", {
      className: "divider",
      role: "slider",
      tabIndex: 0,
      "aria-label": `${before} and ${after.toLowerCase()}`,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    });
    const over = make(
      "div",
      { className: "over comparing" },
      image,
      make("span", { className: "side before", textContent: before }),
      make("span", { className: "side after", textContent: after }),
      line,
    );
    const move = (share) => {
      this.share = Math.min(1, Math.max(0, share));
      over.style.setProperty("--share", this.share);
      line.setAttribute("aria-valuenow", String(Math.round(100 * this.share)));
      line.setAttribute(
        "aria-valuetext",
        `${Math.round(100 * this.share)} % ${before.toLowerCase()}`,
      );
    };
    this.move = move;
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

/** Three by three of it, so that each border has its neighbour. */
function tiles(image) {
  const over = make("div", { className: "over tiles", role: "img", ariaLabel: image.alt });
  over.style.backgroundImage = `url("${image.src}")`;
  return over;
}
