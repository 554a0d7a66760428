// The mask's bytes, without a browser: what is painted, taken back, packed and written.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

import { Mask } from "../../../studio/ui/static/canvas/mask.js";
import { pngOf } from "../../../studio/ui/static/canvas/png.js";
import { fillEnclosed, grow } from "../../../studio/ui/static/canvas/regions.js";
import { fromText, pack, toText, unpack } from "../../../studio/ui/static/canvas/runs.js";
import { fillBox } from "../../../studio/ui/static/canvas/shapes.js";
import { Stroke } from "../../../studio/ui/static/canvas/stroke.js";

/** The same numbers each time, 0 to below 1. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const HARD = { target: 255, radius: 9, softness: 0, opacity: 1 };

function draw(mask, points, options) {
  const stroke = new Stroke(mask, { ...HARD, ...options });
  for (const [x, y] of points) stroke.to(x, y);
  stroke.end();
}

/** Distance of a point from the line between two others. */
function distance(x, y, [ax, ay], [bx, by]) {
  const square = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = square ? ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square : 0;
  const at = Math.min(1, Math.max(0, along));
  return Math.hypot(x - ax - at * (bx - ax), y - ay - at * (by - ay));
}

test("a hundred strokes cover what lies near their lines, and come off one by one", () => {
  const next = random(7);
  const mask = new Mask(300, 200);
  const wanted = new Uint8Array(300 * 200);
  const states = [mask.data.slice()];
  for (let n = 0; n < 100; n += 1) {
    const [a, b] = [0, 1].map(() => [next() * 300, next() * 200]);
    const radius = 2 + next() * 12;
    const target = next() < 0.7 ? 255 : 0;
    draw(mask, [a, b], { radius, target });
    for (let at = 0; at < wanted.length; at += 1) {
      const far = distance((at % 300) + 0.5, Math.floor(at / 300) + 0.5, a, b);
      if (far < radius - 0.5) wanted[at] = target;
      else if (far < radius + 0.5) wanted[at] = mask.data[at]; // the rim is mixed
    }
    // An eraser where nothing is painted makes no step.
    if (mask.past.length === states.length) states.push(mask.data.slice());
  }
  assert.ok(states.length > 80);
  assert.deepEqual(mask.data, wanted);
  const total = wanted.reduce((sum, byte) => sum + byte, 0);
  assert.equal(mask.share, total / (255 * wanted.length));
  for (const before of states.slice(0, -1).reverse()) {
    mask.undo();
    assert.deepEqual(mask.data, before);
  }
  while (mask.future.length > 0) mask.redo();
  assert.deepEqual(mask.data, wanted);
});

test("of more than a hundred edits the last hundred can be undone", () => {
  const mask = new Mask(300, 20);
  const states = [];
  for (let n = 0; n < 103; n += 1) {
    draw(mask, [[10 + 2.5 * n, 10]]);
    states.push(mask.data.slice());
  }
  for (let n = 0; n < 110; n += 1) mask.undo();
  assert.deepEqual(mask.data, states[2]);
  for (let n = 0; n < 110; n += 1) mask.redo();
  assert.deepEqual(mask.data, states[102]);
});

test("a place crossed twice by one stroke is no darker", () => {
  const mask = new Mask(80, 40);
  const line = [
    [10, 20],
    [70, 20],
    [10, 20],
  ];
  draw(mask, line, { opacity: 0.5 });
  assert.equal(mask.data[20 * 80 + 40], 128);
});

test("a cancelled stroke leaves nothing behind", () => {
  const mask = new Mask(80, 40);
  const stroke = new Stroke(mask, HARD);
  stroke.to(20, 20);
  stroke.cancel();
  assert.equal(mask.share, 0);
  assert.equal(mask.past.length, 0);
});

test("inverting and clearing are steps of the history", () => {
  const mask = new Mask(64, 64);
  fillBox(mask, { left: 0, top: 0, right: 64, bottom: 32 }, { target: 255, opacity: 1 });
  assert.equal(mask.share, 0.5);
  mask.invert();
  assert.equal(mask.data[0], 0);
  assert.equal(mask.data[64 * 63], 255);
  mask.clear();
  mask.undo();
  mask.undo();
  assert.equal(mask.data[0], 255);
});

test("an enclosed part is filled up to its edge, and no further", () => {
  const mask = new Mask(100, 100);
  const ring = Array.from({ length: 65 }, (_, n) => {
    const angle = (2 * Math.PI * n) / 64;
    return [50 + 30 * Math.cos(angle), 50 + 30 * Math.sin(angle)];
  });
  draw(mask, ring, { radius: 3 });
  fillEnclosed(mask, 50, 50, { target: 255, opacity: 1 });
  assert.equal(mask.data[50 * 100 + 50], 255);
  assert.equal(mask.data[50 * 100 + 24], 255);
  assert.equal(mask.data[5 * 100 + 5], 0);
});

test("growing takes the greatest of the disc around, shrinking the least", () => {
  const next = random(3);
  for (const radius of [1, 5, -4]) {
    const [width, height] = [150, 140];
    const data = Uint8Array.from({ length: width * height }, () => (next() < 0.02 ? 255 : 0));
    if (radius < 0) for (let at = 0; at < data.length; at += 1) data[at] = 255 - data[at];
    const mask = new Mask(width, height, data.slice());
    grow(mask, radius);
    const reach = Math.abs(radius);
    const pick = radius < 0 ? Math.min : Math.max;
    for (let at = 0; at < data.length; at += 37) {
      const [x, y] = [at % width, Math.floor(at / width)];
      let wanted = data[at];
      for (let dy = -reach; dy <= reach; dy += 1) {
        for (let dx = -reach; dx <= reach; dx += 1) {
          const inside = dx * dx + dy * dy <= reach * reach;
          const there = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
          if (inside && there) wanted = pick(wanted, data[at + dy * width + dx]);
        }
      }
      assert.equal(mask.data[at], wanted, `radius ${radius}, pixel ${x}, ${y}`);
    }
  }
});

test("bytes come back from runs and from text", () => {
  const next = random(1);
  const noise = Uint8Array.from({ length: 5000 }, () => next() * 256);
  const calm = new Uint8Array(100_000).fill(255, 300, 70_000);
  for (const bytes of [noise, calm, new Uint8Array(1), Uint8Array.of(1, 2)]) {
    assert.deepEqual(unpack(fromText(toText(pack(bytes))), bytes.length), bytes);
  }
  assert.ok(pack(calm).length < 20);
  assert.ok(pack(noise).length <= noise.length);
});

test("a mask is written as a gray PNG, to the bit", async () => {
  const data = Uint8Array.from({ length: 300 * 7 }, (_, at) => at % 256);
  const file = await pngOf({ width: 300, height: 7, data });
  const bytes = Buffer.from(await file.arrayBuffer());
  assert.equal(bytes.subarray(1, 4).toString(), "PNG");
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [300, 7]);
  const at = bytes.indexOf("IDAT");
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  for (let y = 0; y < 7; y += 1) {
    assert.equal(rows[y * 301], 0);
    assert.deepEqual(
      new Uint8Array(rows.subarray(y * 301 + 1, (y + 1) * 301)),
      data.subarray(y * 300, (y + 1) * 300),
    );
  }
});
