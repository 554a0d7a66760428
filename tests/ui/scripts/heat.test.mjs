// Maps of where words acted, as colours and in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { colours, cut, painted, whereabouts } from "../../../studio/ui/static/run/heat.js";

test("colours go from nothing to bright, and never darker", () => {
  const found = colours();
  const light = (level) => {
    const [red, green, blue] = found.slice(4 * level);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  assert.equal(found[3], 0);
  assert.ok(found[4 * 255 + 3] > 200 && light(255) > 230);
  for (let level = 1; level < 256; level++) {
    assert.ok(light(level) >= light(level - 1) - 0.5, `level ${level}`);
    assert.ok(found[4 * level + 3] >= found[4 * level - 1], `level ${level}`);
  }
  assert.deepEqual([...painted([0, 255])].slice(4), [...found.slice(-4)]);
});

test("a place is told in words", () => {
  const map = (...at) =>
    Uint8Array.from({ length: 54 }, (_, cell) => (at.includes(cell) ? 200 : 5));
  assert.equal(whereabouts(map(0), 9), "strongest on the left, at the top");
  assert.equal(whereabouts(map(53), 9), "strongest on the right, at the bottom");
  assert.equal(whereabouts(map(0, 8), 9), "strongest at the top");
  assert.equal(whereabouts(map(22, 31), 9), "strongest in the middle");
  assert.equal(whereabouts(new Uint8Array(54).fill(9), 9), "strongest in the middle");
  assert.equal(whereabouts(new Uint8Array(54).fill(250), 9), "all over the picture");
  assert.equal(whereabouts(new Uint8Array(54), 9), "nowhere");
});

test("a prompt is cut where its words are, in characters", () => {
  const words = [
    { start: 1, end: 4 },
    { start: 7, end: 9 },
  ];
  assert.deepEqual(cut("🐈red (no!)", words), [
    ["🐈", null],
    ["red", 0],
    [" (n", null],
    ["o!", 1],
    [")", null],
  ]);
  assert.deepEqual(cut("red", []), [["red", null]]);
});
