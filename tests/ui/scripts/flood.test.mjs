// Selections by colour, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { alike, feathered, select } from "../../../studio/ui/static/canvas/flood.js";
import { Mask } from "../../../studio/ui/static/canvas/mask.js";

/** A picture of these rows of letters, each letter a colour. */
function picture(rows, colours) {
  const data = new Uint8ClampedArray(
    rows.flatMap((row) => [...row].flatMap((one) => colours[one])),
  );
  return { width: rows[0].length, height: rows.length, data };
}

const COLOURS = { a: [100, 100, 100, 255], b: [130, 70, 100, 255], c: [133, 100, 100, 255] };
const ROWS = ["aabcca", "abbcaa", "cccccc", "aaaaab"];
const shown = (bytes) =>
  ROWS.map((row, y) => [...row].map((_, x) => (bytes[y * 6 + x] ? "#" : ".")).join(""));

test("a click selects what is connected and near in every channel", () => {
  const seen = picture(ROWS, COLOURS);
  const at = (x, y, tolerance, contiguous = true) =>
    shown(alike(seen, x, y, { tolerance, contiguous }));
  assert.deepEqual(at(0, 0, 0), ["##....", "#.....", "......", "......"]);
  assert.deepEqual(at(0, 0, 29), at(0, 0, 0));
  assert.deepEqual(at(0, 0, 30), ["###...", "###...", "......", "......"]);
  assert.deepEqual(at(0, 0, 33), ["######", "######", "######", "######"]);
  assert.deepEqual(at(0, 0, 0, false), ["##...#", "#...##", "......", "#####."]);
  assert.deepEqual(at(5, 3, 0), ["......", "......", "......", ".....#"]);
  assert.ok(alike(seen, 3, 3, { tolerance: 255, contiguous: true }).every((byte) => byte === 255));
});

test("contiguous selections are those of a slow walk from pixel to pixel", () => {
  const [width, height] = [61, 47];
  let state = 5;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const data = new Uint8ClampedArray(4 * width * height).map(() => next() * 90);
  for (const tolerance of [20, 35, 50, 70]) {
    const [x, y] = [Math.floor(next() * width), Math.floor(next() * height)];
    const isLike = (at) =>
      [0, 1, 2].every(
        (c) => Math.abs(data[4 * at + c] - data[4 * (y * width + x) + c]) <= tolerance,
      );
    const wanted = new Uint8Array(width * height);
    const open = [y * width + x];
    while (open.length > 0) {
      const at = open.pop();
      if (wanted[at] || !isLike(at)) continue;
      wanted[at] = 255;
      if (at % width > 0) open.push(at - 1);
      if (at % width < width - 1) open.push(at + 1);
      if (at >= width) open.push(at - width);
      if (at < width * (height - 1)) open.push(at + width);
    }
    assert.deepEqual(alike({ width, height, data }, x, y, { tolerance, contiguous: true }), wanted);
  }
});

test("a feather runs from one side of the edge to the other, and its middle is the edge", () => {
  const [width, height] = [64, 40];
  const half = new Uint8Array(width * height).map((_, at) => (at % width < 32 ? 255 : 0));
  assert.equal(feathered(half, width, height, 0), half);
  for (const radius of [1, 2, 3, 8, 20]) {
    const soft = feathered(half, width, height, radius);
    const row = soft.slice(20 * width, 21 * width);
    for (let y = 0; y < height; y += 1)
      assert.deepEqual(soft.slice(y * width, (y + 1) * width), row);
    for (let x = 1; x < width; x += 1) assert.ok(row[x] <= row[x - 1]);
    assert.equal(row[31 - radius], 255);
    assert.equal(row[32 + radius], 0);
    const rim = Math.max(1, Math.floor(radius / 2)); // further out less than a byte is left
    assert.ok(row[32 - rim] < 255 && row[31 + rim] > 0, `${radius}: ${row}`);
    assert.ok(Math.abs(row[31] + row[32] - 255) <= 1);
  }
});

test("a selection is added to a mask or taken out of it, and taken back as one step", () => {
  const mask = new Mask(4, 1, new Uint8Array([0, 100, 200, 255]));
  const part = new Uint8Array([255, 128, 255, 100]);
  select(mask, part, 0);
  assert.deepEqual([...mask.data], [0, 100, 0, 155]);
  mask.undo();
  assert.deepEqual([...mask.data], [0, 100, 200, 255]);
  select(mask, part, 255);
  assert.deepEqual([...mask.data], [255, 128, 255, 255]);
  assert.equal(mask.past.length, 1);
});
