// A picture drawn by hand: a byte a pixel for red, green and blue each, with one history. A stroke is
// first laid out in a mask, how far it covers each pixel, and its colour mixed in by that.

import { Mask, TILE } from "../canvas/mask.js";
import { flood } from "../canvas/regions.js";

const HALF = 128;
const MOST_STEPS = 100;

export class Layer {
  /** `rgba` are its first pixels, as ImageData has them; else it is filled with `back`. `isHard`
   * keeps colours unmixed, as those of classes must be. */
  constructor(width, height, { rgba = null, back = [0, 0, 0], isHard = false }) {
    this.width = width;
    this.height = height;
    this.back = back;
    this.isHard = isHard;
    this.colour = [255, 255, 255];
    this.planes = back.map((byte, channel) => {
      const data = new Uint8Array(width * height).fill(byte);
      if (rgba) for (let at = 0; at < data.length; at += 1) data[at] = rgba[4 * at + channel];
      return new Mask(width, height, data);
    });
    this.across = this.planes[0].across;
    this.cover = new Cover(this);
    this.past = []; // the planes that each step changed
    this.future = [];
    /** These pixels changed: left, top, right, bottom. */
    this.onPaint = (/** @type {number[]} */ ..._box) => {};
    this.onCommit = () => {};
    for (const plane of this.planes) plane.onPaint = (...box) => this.onPaint(...box);
  }

  /** [red, green, blue] of a pixel. */
  at(x, y) {
    return this.planes.map((plane) => plane.data[y * this.width + x]);
  }

  open() {
    for (const plane of this.planes) plane.open();
  }

  /** End the edit; it is one step of the history, if it changed anything. */
  commit() {
    this.step((plane) => plane.commit());
  }

  cancel() {
    for (const plane of this.planes) plane.cancel();
  }

  /** Do `work` with each plane as one step. */
  step(work) {
    const changed = this.planes.filter((plane) => {
      const { version } = plane;
      work(plane);
      return plane.version !== version;
    });
    if (changed.length === 0) return;
    this.past = [...this.past.slice(1 - MOST_STEPS), changed];
    this.future = [];
    this.onCommit();
  }

  undo() {
    this.go(this.past, this.future, (plane) => plane.undo());
  }

  redo() {
    this.go(this.future, this.past, (plane) => plane.redo());
  }

  go(from, to, move) {
    const planes = this.cover.edit ? null : from.pop();
    if (!planes) return;
    to.push(planes);
    planes.forEach(move);
    this.onCommit();
  }

  /** Everything in the colour of the empty sheet. */
  clear() {
    const { length } = this.planes[0].data;
    this.step((plane) => {
      plane.replace(new Uint8Array(length).fill(this.back[this.planes.indexOf(plane)]));
    });
  }

  /** The stroke under way covers more of these pixels. */
  covered(left, top, right, bottom) {
    for (let ty = Math.floor(top / TILE); ty * TILE < bottom; ty += 1) {
      for (let tx = Math.floor(left / TILE); tx * TILE < right; tx += 1) {
        this.mix(ty * this.across + tx, {
          left: Math.max(left, tx * TILE),
          top: Math.max(top, ty * TILE),
          right: Math.min(right, (tx + 1) * TILE),
          bottom: Math.min(bottom, (ty + 1) * TILE),
        });
      }
    }
    this.onPaint(left, top, right, bottom);
  }

  mix(tile, box) {
    const { width, isHard, cover, colour } = this;
    const { left, top, right } = this.cover.tileBox(tile);
    this.planes.forEach((plane, channel) => {
      const before = plane.before(tile);
      const to = colour[channel];
      for (let y = box.top; y < box.bottom; y += 1) {
        for (let x = box.left; x < box.right; x += 1) {
          const at = y * width + x;
          const share = cover.data[at];
          const was = before[(y - top) * (right - left) + x - left];
          if (isHard) plane.data[at] = share >= HALF ? to : was;
          else plane.data[at] = was + ((to - was) * share) / 255 + 0.5;
        }
      }
    });
  }

  /** The colour goes into everything around a pixel that looks like it. */
  fill(x, y) {
    const { width, height, isHard } = this;
    const start = y * width + x;
    const from = this.at(x, y);
    const apart = new Uint8Array(width * height);
    this.planes.forEach(({ data }, channel) => {
      for (let at = 0; at < apart.length; at += 1) {
        const difference = Math.abs(data[at] - from[channel]);
        if (difference > apart[at]) apart[at] = difference;
      }
    });
    if (isHard) for (let at = 0; at < apart.length; at += 1) apart[at] = apart[at] ? 255 : 0;
    const part = new Uint8Array(width * height);
    flood(part, apart, 0, { width, height, start });
    this.step((plane) => {
      const to = this.colour[this.planes.indexOf(plane)];
      const bytes = plane.data.slice();
      for (let at = 0; at < part.length; at += 1) if (part[at]) bytes[at] = to;
      plane.replace(bytes);
    });
  }

  /** A part of it, as a canvas shows it. */
  pixels({ left, top, right, bottom }) {
    const wide = right - left;
    const image = new ImageData(wide, bottom - top);
    const [red, green, blue] = this.planes.map(({ data }) => data);
    for (let y = top, to = 0; y < bottom; y += 1) {
      for (let x = left; x < right; x += 1, to += 4) {
        const at = y * this.width + x;
        image.data[to] = red[at];
        image.data[to + 1] = green[at];
        image.data[to + 2] = blue[at];
        image.data[to + 3] = 255;
      }
    }
    return image;
  }
}

/** How far the stroke under way covers each pixel; what draws into masks draws into it. */
class Cover extends Mask {
  constructor(layer) {
    super(layer.width, layer.height);
    this.layer = layer;
    this.onPaint = (...box) => layer.covered(...box);
  }

  open() {
    this.commit();
    this.data.fill(0);
    this.version += 1;
    this.edit = new Map();
    this.layer.open();
  }

  commit() {
    if (!this.edit) return;
    this.edit = null;
    this.layer.commit();
  }

  cancel() {
    if (!this.edit) return;
    this.edit = null;
    this.layer.cancel();
  }
}
