// Boxes over a picture, moved by mouse, finger and keys. All numbers are pixels of the picture.

const NEAR = 0.04;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SVG = "http://www.w3.org/2000/svg";

/** `box`, [left, top, right, bottom], with its near or far corner, or all of it, moved by (x, y)
 * within a picture of `size`; at least a pixel stays. */
export function moved(box, part, [x, y], size) {
  const whole = (at) => {
    const least = -box[at];
    const most = size[at] - box[at + 2];
    return Math.min(Math.max([x, y][at], least), most);
  };
  if (part === "all") return box.map((side, k) => side + whole(k % 2));
  const next = [...box];
  for (const at of [0, 1]) {
    const by = [x, y][at];
    if (part === "near") next[at] = Math.min(Math.max(0, box[at] + by), box[at + 2] - 1);
    else next[at + 2] = Math.max(Math.min(size[at], box[at + 2] + by), box[at] + 1);
  }
  return next;
}

/** A box in the middle of a picture of `size`, half as wide and as high. */
export function middle(size) {
  return [0.25, 0.75].flatMap((share) => size.map((side) => Math.round(share * side)));
}

/** Shows labels in `svg` and lets them be changed; `isChanged` says whether they were. */
export class Boxes {
  constructor(svg) {
    this.svg = svg;
    this.labels = [];
    this.classes = [];
    this.chosen = -1;
    this.isChanged = false;
    svg.addEventListener("pointerdown", (event) => this.grip(event));
    svg.addEventListener("keydown", (event) => this.press(event));
    svg.addEventListener("focusin", (event) => {
      this.choose(Number(event.target.closest("g").dataset.place));
    });
  }

  /** `classes`: the names that a label may have. */
  show(labels, classes, width, height) {
    this.size = [width, height];
    this.classes = classes;
    this.labels = labels.map((label) => ({ name: label.name, box: [...label.box] }));
    this.isChanged = false;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw(-1);
  }

  /** All of them, the one in `place` with the focus. */
  draw(place) {
    this.svg.replaceChildren(...this.labels.map((_, at) => this.drawn(at)));
    this.choose(place);
    const chosen = /** @type {any} */ (this.svg.children[place]);
    chosen?.focus();
  }

  choose(place) {
    this.chosen = place;
    [...this.svg.children].forEach((group, at) => {
      group.classList.toggle("chosen", at === place);
    });
  }

  /** Choose the box after the one that is chosen, by a key. */
  next() {
    const groups = /** @type {any[]} */ ([...this.svg.children]);
    groups[(this.chosen + 1) % groups.length]?.focus();
  }

  /** One more, of the class that is chosen. */
  add() {
    const name = this.labels[this.chosen]?.name ?? this.classes[0];
    this.labels.push({ name, box: middle(this.size) });
    this.isChanged = true;
    this.draw(this.labels.length - 1);
  }

  /** The one that is chosen is of the class after its own. */
  rename() {
    const label = this.labels[this.chosen];
    if (!label || this.classes.length < 2) return;
    label.name = this.classes[(this.classes.indexOf(label.name) + 1) % this.classes.length];
    this.isChanged = true;
    this.draw(this.chosen);
  }

  /** The one that is chosen goes. */
  remove() {
    if (!this.labels[this.chosen]) return;
    this.labels.splice(this.chosen, 1);
    this.isChanged = true;
    this.draw(Math.min(this.chosen, this.labels.length - 1));
  }

  drawn(place) {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "img");
    group.dataset.place = String(place);
    const rect = document.createElementNS(SVG, "rect");
    const text = document.createElementNS(SVG, "text");
    text.textContent = this.labels[place].name;
    text.setAttribute("font-size", String(this.size[1] / 20));
    group.append(rect, text);
    this.place(group, place);
    return group;
  }

  place(group, place) {
    const { name, box } = this.labels[place];
    const [left, top, right, bottom] = box;
    const [rect, text] = group.children;
    const set = (element, values) => {
      for (const [key, value] of Object.entries(values)) element.setAttribute(key, String(value));
    };
    set(rect, { x: left, y: top, width: right - left, height: bottom - top });
    set(text, { x: left + 1, y: Math.max(top - 2, this.size[1] / 18) });
    group.setAttribute("aria-label", `${name}: ${box.map(Math.round).join(", ")}`);
  }

  change(group, box) {
    this.labels[Number(group.dataset.place)].box = box;
    this.isChanged = true;
    this.place(group, Number(group.dataset.place));
  }

  /** Where an event is, in pixels of the picture. */
  at(event) {
    const shown = this.svg.getBoundingClientRect();
    return [
      ((event.clientX - shown.left) / shown.width) * this.size[0],
      ((event.clientY - shown.top) / shown.height) * this.size[1],
    ];
  }

  grip(event) {
    const group = /** @type {Element} */ (event.target).closest("g");
    if (!group) return;
    event.preventDefault();
    group.focus();
    const from = this.at(event);
    const { box } = this.labels[Number(group.dataset.place)];
    const reach = NEAR * Math.max(...this.size);
    const isAt = (x, y) => Math.hypot(from[0] - x, from[1] - y) < reach;
    const part = isAt(box[0], box[1]) ? "near" : isAt(box[2], box[3]) ? "far" : "all";
    this.svg.setPointerCapture(event.pointerId);
    const move = (next) => {
      const to = this.at(next);
      this.change(group, moved(box, part, [to[0] - from[0], to[1] - from[1]], this.size));
    };
    const end = () => {
      this.svg.removeEventListener("pointermove", move);
      this.svg.removeEventListener("pointerup", end);
      this.svg.removeEventListener("pointercancel", end);
    };
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", end);
    this.svg.addEventListener("pointercancel", end);
  }

  press(event) {
    const by = ARROWS[event.key];
    const group = /** @type {Element} */ (event.target).closest("g");
    if (!by || !group) return;
    event.preventDefault();
    event.stopPropagation();
    const { box } = this.labels[Number(group.dataset.place)];
    this.change(group, moved(box, event.shiftKey ? "far" : "all", by, this.size));
  }
}
