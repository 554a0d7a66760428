// The mask: one byte a pixel of the picture, 255 where it is repainted, and the history of its
// edits. An edit keeps the tiles it touches as they were before; nothing costs more than that.

import { pack, unpack } from "./runs.js";
import { tick } from "./steps.js";

export const TILE = 128;
const MOST_STEPS = 100;
const MOST_BYTES = 192 * 2 ** 20;

export class Mask {
  constructor(width, height, data = new Uint8Array(width * height)) {
    this.width = width;
    this.height = height;
    this.data = data;
    this.across = Math.ceil(width / TILE);
    this.down = Math.ceil(height / TILE);
    this.total = sum(data);
    this.version = 0;
    this.past = [];
    this.future = [];
    this.edit = null; // tile -> its bytes before the edit that is open
    /** These pixels changed: left, top, right, bottom. */
    this.onPaint = (/** @type {number[]} */ ..._box) => {};
    this.onCommit = () => {}; // an edit ended, or was undone
  }

  /** The masked part of the area, 0 to 1. */
  get share() {
    return this.total / (255 * this.width * this.height);
  }

  /** Begin an edit. */
  open() {
    this.commit();
    this.edit = new Map();
  }

  /** The bytes of a tile before this edit. Must be called before they are changed. */
  before(tile) {
    let bytes = this.edit.get(tile);
    if (!bytes) {
      bytes = this.tileBytes(tile);
      this.edit.set(tile, bytes);
    }
    return bytes;
  }

  /** Keep what lies in a rectangle, which is about to change. */
  keep({ left, top, right, bottom }) {
    for (let ty = Math.floor(top / TILE); ty * TILE < bottom; ty += 1) {
      for (let tx = Math.floor(left / TILE); tx * TILE < right; tx += 1) {
        this.before(ty * this.across + tx);
      }
    }
  }

  /** Move one pixel towards `target` (0 or 255) by `share`, 0 to 1. */
  blend(at, target, share) {
    const old = this.data[at];
    this.data[at] = old + (target - old) * share + 0.5;
  }

  /** End the edit; it is one step of the history, if it changed anything. */
  commit() {
    if (!this.edit) return;
    const tiles = [];
    for (const [tile, before] of this.edit) {
      const now = this.tileBytes(tile);
      if (same(before, now)) continue;
      this.total += sum(now) - sum(before);
      tiles.push([tile, pack(before)]);
    }
    this.edit = null;
    if (tiles.length > 0) this.remember({ tiles });
  }

  /** Take back all of the edit that is open. */
  cancel() {
    if (!this.edit) return;
    for (const [tile, before] of this.edit) this.setTile(tile, before);
    this.edit = null;
  }

  /** All at once: `bytes` are the new mask. */
  replace(bytes) {
    this.open();
    for (let tile = 0; tile < this.across * this.down; tile += 1) {
      if (!this.differs(tile, bytes)) continue;
      this.before(tile);
      this.copyTile(tile, bytes);
    }
    this.commit();
  }

  clear() {
    this.replace(new Uint8Array(this.data.length));
  }

  invert() {
    this.commit();
    this.flip();
    this.remember({ tiles: null });
  }

  undo() {
    if (!this.edit) this.step(this.past, this.future);
  }

  redo() {
    if (!this.edit) this.step(this.future, this.past);
  }

  paintAll() {
    this.onPaint(0, 0, this.width, this.height);
  }

  // What follows is the history's own

  remember(entry) {
    this.past.push({ ...entry, made: tick(), left: 0 });
    this.future = [];
    if (this.past.length > MOST_STEPS) this.past.shift();
    while (
      this.past.length > 1 &&
      this.past.reduce((all, one) => all + size(one), 0) > MOST_BYTES
    ) {
      this.past.shift();
    }
    this.settled();
  }

  step(from, to) {
    const entry = from.pop();
    if (!entry) return;
    entry.left = tick();
    to.push(entry);
    if (entry.tiles === null) this.flip();
    else entry.tiles = entry.tiles.map(([tile, packed]) => [tile, this.exchange(tile, packed)]);
    this.settled();
  }

  settled() {
    this.version += 1;
    this.onCommit();
  }

  flip() {
    const { data } = this;
    for (let at = 0; at < data.length; at += 1) data[at] = 255 - data[at];
    this.total = 255 * data.length - this.total;
    this.paintAll();
  }

  exchange(tile, packed) {
    const now = this.tileBytes(tile);
    const then = unpack(packed, now.length);
    this.total += sum(then) - sum(now);
    this.setTile(tile, then);
    return pack(now);
  }

  tileBox(tile) {
    const left = (tile % this.across) * TILE;
    const top = Math.floor(tile / this.across) * TILE;
    const right = Math.min(left + TILE, this.width);
    return { left, top, right, bottom: Math.min(top + TILE, this.height) };
  }

  /** A tile's rows, one after the other; tiles at the border are smaller. */
  tileBytes(tile) {
    const { left, top, right, bottom } = this.tileBox(tile);
    const wide = right - left;
    const bytes = new Uint8Array(wide * (bottom - top));
    for (let y = top; y < bottom; y += 1) {
      const at = y * this.width;
      bytes.set(this.data.subarray(at + left, at + right), (y - top) * wide);
    }
    return bytes;
  }

  differs(tile, bytes) {
    const { left, top, right, bottom } = this.tileBox(tile);
    for (let y = top; y < bottom; y += 1) {
      const end = y * this.width + right;
      for (let at = y * this.width + left; at < end; at += 1) {
        if (this.data[at] !== bytes[at]) return true;
      }
    }
    return false;
  }

  /** Take a tile over from bytes of the whole mask. */
  copyTile(tile, bytes) {
    const { left, top, right, bottom } = this.tileBox(tile);
    for (let y = top; y < bottom; y += 1) {
      const at = y * this.width;
      this.data.set(bytes.subarray(at + left, at + right), at + left);
    }
    this.onPaint(left, top, right, bottom);
  }

  setTile(tile, bytes) {
    const { left, top, right, bottom } = this.tileBox(tile);
    const wide = right - left;
    for (let y = top; y < bottom; y += 1) {
      const from = (y - top) * wide;
      this.data.set(bytes.subarray(from, from + wide), y * this.width + left);
    }
    this.onPaint(left, top, right, bottom);
  }
}

const size = (entry) => (entry.tiles ?? []).reduce((all, [, packed]) => all + packed.length, 0);

function sum(bytes) {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 1) total += bytes[at];
  return total;
}

function same(a, b) {
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
