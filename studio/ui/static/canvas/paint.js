// The tools of the mask: what a press of the pointer begins with each of them.

import { fillEnclosed } from "./regions.js";
import { fillBox, fillOutline } from "./shapes.js";
import { Stroke } from "./stroke.js";

const LIGHT = 0.15; // of the brush's size at the lightest touch of a pen
const NEAR_PX = 1.5;

export class Paint {
  /** `options` are those of canvas_options.js. */
  constructor(root, view, source, options) {
    this.view = view;
    this.source = source;
    this.options = options;
    this.port = view.port;
    this.ring = root.querySelector(".canvas-cursor");
    this.outline = root.querySelectorAll(".canvas-outline path");
    this.shape = null; // the outline under way, in pixels of the picture
    this.last = null; // where the last stroke ended
    this.at = null; // the pointer, in the window
    this.port.addEventListener("pointermove", (event) => this.hover(event));
    this.port.addEventListener("pointerleave", () => this.hover(null));
  }

  begin(event) {
    if (!this.source.mask) return null;
    const { tool } = this.options;
    if (tool === "brush" || tool === "eraser") return this.stroke(event);
    if (tool === "lasso") return this.lasso(event);
    if (tool === "rectangle") return this.rectangle(event);
    return this.fill(event);
  }

  /** How far and which way: Alt, the right button and a pen's other end do the opposite. */
  manner(event) {
    const { tool, sign, opacity } = this.options;
    const removes = tool === "eraser" || (tool !== "brush" && sign === "remove");
    const turned = event.altKey || event.button === 2 || event.button === 5;
    return { target: removes === turned ? 255 : 0, opacity: opacity / 100 };
  }

  point(event) {
    return this.view.toPicture(event.clientX, event.clientY);
  }

  stroke(event) {
    const { size, softness, pressure } = this.options;
    const { mask } = this.source;
    const stroke = new Stroke(mask, {
      ...this.manner(event),
      radius: size / 2,
      softness: softness / 100,
    });
    const weigh = (one) => {
      const counts = pressure && one.pointerType === "pen" && one.pressure > 0;
      return counts ? LIGHT + (1 - LIGHT) * one.pressure : 1;
    };
    const to = (one) => stroke.to(...this.point(one), weigh(one));
    if (event.shiftKey && this.last) stroke.to(...this.last);
    to(event);
    return {
      move: (events) => events.forEach(to),
      end: () => {
        this.last = [stroke.last.x, stroke.last.y];
        stroke.end();
      },
      cancel: () => stroke.cancel(),
    };
  }

  lasso(event) {
    const manner = this.manner(event);
    const points = [this.point(event)];
    const add = (one) => {
      const [x, y] = this.point(one);
      const [fromX, fromY] = points.at(-1);
      if (Math.hypot(x - fromX, y - fromY) * this.view.scale >= NEAR_PX) points.push([x, y]);
    };
    this.draw(points);
    return this.outlining({
      move: (events) => {
        events.forEach(add);
        this.draw(points);
      },
      end: () => points.length > 2 && fillOutline(this.source.mask, points, manner),
    });
  }

  rectangle(event) {
    const manner = this.manner(event);
    const { mask } = this.source;
    const from = this.point(event);
    let box = null;
    return this.outlining({
      move: (events) => {
        const last = events.at(-1);
        box = spanned(from, this.point(last), last.shiftKey);
        this.draw(corners(box));
      },
      end: () => {
        const part = box && clipped(box, mask);
        if (part) fillBox(mask, part, manner);
      },
    });
  }

  outlining({ move, end }) {
    const done = () => this.draw(null);
    return {
      move,
      end: () => {
        done();
        end();
      },
      cancel: done,
    };
  }

  fill(event) {
    const manner = this.manner(event);
    const { mask } = this.source;
    const [x, y] = this.point(event).map(Math.floor);
    const isInside = x >= 0 && y >= 0 && x < mask.width && y < mask.height;
    return {
      move: () => {},
      end: () => isInside && fillEnclosed(mask, x, y, manner),
      cancel: () => {},
    };
  }

  /** Show an outline in pixels of the picture; null for none. */
  draw(shape) {
    this.shape = shape;
    const places = (shape ?? []).map(([x, y]) => this.view.fromPicture(x, y));
    const line = places.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    for (const path of this.outline) path.setAttribute("d", line ? `M${line}Z` : "");
  }

  /** The view or an option changed. */
  refresh() {
    if (this.shape) this.draw(this.shape);
    this.showRing();
  }

  hover(event) {
    this.at = event && event.pointerType !== "touch" ? [event.clientX, event.clientY] : null;
    this.showRing();
  }

  showRing() {
    const { tool, size } = this.options;
    const isRound = tool === "brush" || tool === "eraser";
    const across = size * this.view.scale;
    const shown = isRound && this.at !== null && across >= 6;
    this.ring.hidden = !shown;
    if (!shown) return;
    const [x, y] = this.view.toPort(...this.at);
    this.ring.style.width = `${across}px`;
    this.ring.style.height = `${across}px`;
    this.ring.style.transform = `translate(${x - across / 2}px, ${y - across / 2}px)`;
  }
}

/** The box of whole pixels between two points; `square` makes its sides equal. */
function spanned([x0, y0], [x1, y1], square) {
  let [dx, dy] = [x1 - x0, y1 - y0];
  if (square) {
    const side = Math.max(Math.abs(dx), Math.abs(dy));
    [dx, dy] = [dx < 0 ? -side : side, dy < 0 ? -side : side];
  }
  const [left, right] = [x0, x0 + dx].sort((a, b) => a - b).map(Math.round);
  const [top, bottom] = [y0, y0 + dy].sort((a, b) => a - b).map(Math.round);
  return { left, top, right, bottom };
}

export const corners = ({ left, top, right, bottom }) => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];

/** The part of `box` that lies within `width` × `height`; null for none. */
export function clipped(box, { width, height }) {
  const part = {
    left: Math.max(0, box.left),
    top: Math.max(0, box.top),
    right: Math.min(width, box.right),
    bottom: Math.min(height, box.bottom),
  };
  return part.left < part.right && part.top < part.bottom ? part : null;
}
