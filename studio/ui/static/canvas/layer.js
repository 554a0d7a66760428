// Colours painted by hand: a byte a pixel for red, green and blue each, and one for alpha where what
// lies below shows through; with one history. A stroke is first laid out in a mask, how far it covers
// each pixel, and its colour mixed in by that.

import { Mask, TILE } from "./mask.js";
import { flood } from "./regions.js";
import { tick } from "./steps.js";

const HALF = 128;
const MOST_STEPS = 100;
const ALPHA = 3;

export class Layer {
  /** `rgba` are its first pixels, as ImageData has them, or `planes` its first bytes; else it is filled
   * with `back`, of three channels, or of four for one with an alpha. `isHard` keeps colours unmixed,
   * as those of classes must be. */
  constructor(width, height, { rgba = null, planes = null, back = [0, 0, 0], isHard = false }) {
    this.width = width;
    this.height = height;
    this.back = back;
    this.isHard = isHard;
    this.colour = [255, 255, 255];
    this.erases = false;
    this.planes = back.map((byte, channel) => {
      const data = planes?.[channel] ?? new Uint8Array(width * height).fill(byte);
      if (rgba) for (let at = 0; at < data.length; at += 1) data[at] = rgba[4 * at + channel];
      return new Mask(width, height, data);
    });
    this.across = this.planes[0].across;
    this.cover = new Cover(this);
    this.version = 0;
    this.past = []; // {planes, made, left}: those that each step changed
    this.future = [];
    /** These pixels changed: left, top, right, bottom. */
    this.onPaint = (/** @type {number[]} */ ..._box) => {};
    this.onCommit = () => {};
    for (const plane of this.planes) plane.onPaint = (...box) => this.onPaint(...box);
  }

  /** The plane of alpha; undefined where all of it is opaque. */
  get alpha() {
    return this.planes[ALPHA];
  }

  /** What is drawn with from now on, [red, green, blue]; null erases. */
  use(colour) {
    this.erases = colour === null;
    this.colour = colour ?? this.back.slice(0, ALPHA);
  }

  /** [red, green, blue], and alpha if it has one, of a pixel. */
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
    this.past = [...this.past.slice(1 - MOST_STEPS), { planes: changed, made: tick(), left: 0 }];
    this.future = [];
    this.settled();
  }

  undo() {
    this.go(this.past, this.future, (plane) => plane.undo());
  }

  redo() {
    this.go(this.future, this.past, (plane) => plane.redo());
  }

  go(from, to, move) {
    const step = this.cover.edit ? null : from.pop();
    if (!step) return;
    to.push({ ...step, left: tick() });
    step.planes.forEach(move);
    this.settled();
  }

  settled() {
    this.version += 1;
    this.onCommit();
  }

  /** All at once: `planes` are the new bytes. */
  replace(planes) {
    this.step((plane) => plane.replace(planes[this.planes.indexOf(plane)]));
  }

  /** Everything as the empty sheet. */
  clear() {
    const { length } = this.planes[0].data;
    this.replace(this.back.map((byte) => new Uint8Array(length).fill(byte)));
  }

  /** The stroke under way covers more of these pixels. */
  covered(left, top, right, bottom) {
    const mix = this.alpha ? "mixOver" : "mixInto";
    for (let ty = Math.floor(top / TILE); ty * TILE < bottom; ty += 1) {
      for (let tx = Math.floor(left / TILE); tx * TILE < right; tx += 1) {
        this[mix](ty * this.across + tx, {
          left: Math.max(left, tx * TILE),
          top: Math.max(top, ty * TILE),
          right: Math.min(right, (tx + 1) * TILE),
          bottom: Math.min(bottom, (ty + 1) * TILE),
        });
      }
    }
    this.onPaint(left, top, right, bottom);
  }

  mixInto(tile, box) {
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

  /** The colour is laid over what is there, or its alpha taken away. */
  mixOver(tile, box) {
    const { width, cover, colour, erases } = this;
    const { left, top, right } = cover.tileBox(tile);
    const before = this.planes.map((plane) => plane.before(tile));
    const [red, green, blue, alpha] = this.planes.map(({ data }) => data);
    for (let y = box.top; y < box.bottom; y += 1) {
      let local = (y - top) * (right - left) + box.left - left;
      for (let x = box.left; x < box.right; x += 1, local += 1) {
        const at = y * width + x;
        const share = cover.data[at] / 255;
        const stays = before[ALPHA][local] * (1 - share);
        const comes = erases ? 0 : 255 * share;
        const now = stays + comes;
        alpha[at] = now + 0.5;
        if (now === 0) continue;
        red[at] = (before[0][local] * stays + colour[0] * comes) / now + 0.5;
        green[at] = (before[1][local] * stays + colour[1] * comes) / now + 0.5;
        blue[at] = (before[2][local] * stays + colour[2] * comes) / now + 0.5;
      }
    }
  }

  /** The colour goes into everything around a pixel that looks like it, as far as `opacity`, 0 to 1,
   * says. */
  fill(x, y, opacity = 1) {
    const { width, height, cover } = this;
    const part = new Uint8Array(width * height);
    flood(part, this.apart(x, y), 0, { width, height, start: y * width + x });
    cover.open();
    for (let at = 0; at < part.length; at += 1) if (part[at]) cover.data[at] = 255 * opacity + 0.5;
    this.covered(0, 0, width, height);
    cover.commit();
  }

  /** How unlike a pixel each is, 0 to 255. */
  apart(x, y) {
    const { width, height, isHard, alpha } = this;
    const apart = new Uint8Array(width * height);
    const start = y * width + x;
    for (const { data } of this.planes) {
      const seen = (at) => (alpha && data !== alpha.data ? data[at] * alpha.data[at] : data[at]);
      const most = alpha && data !== alpha.data ? 255 : 1;
      const from = seen(start);
      for (let at = 0; at < apart.length; at += 1) {
        const difference = Math.abs(seen(at) - from) / most;
        if (difference > apart[at]) apart[at] = difference;
      }
    }
    if (isHard) for (let at = 0; at < apart.length; at += 1) apart[at] = apart[at] ? 255 : 0;
    return apart;
  }

  /** A part of it, as a canvas shows it: of `step` × `step` pixels the first. */
  pixels({ left, top, right, bottom }, step = 1) {
    const image = new ImageData(Math.ceil((right - left) / step), Math.ceil((bottom - top) / step));
    const [red, green, blue, alpha] = this.planes.map(({ data }) => data);
    for (let y = top, to = 0; y < bottom; y += step) {
      for (let x = left; x < right; x += step, to += 4) {
        const at = y * this.width + x;
        image.data[to] = red[at];
        image.data[to + 1] = green[at];
        image.data[to + 2] = blue[at];
        image.data[to + 3] = alpha ? alpha[at] : 255;
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
