// What marks a mask on any picture, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { marks, maskedBox, STRIPE, sampled } from "../../../studio/ui/static/canvas/marks.js";

const [WHITE, BLACK] = [0xffffffff, 0xff000000];
const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = (r, g, b) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

/** The marks of all of a mask at `scale`, with its values there. */
function drawn(mask, scale, line) {
  const [right, bottom] = [Math.ceil(mask.width * scale), Math.ceil(mask.height * scale)];
  const box = { left: 0, top: 0, right, bottom };
  const wider = { left: -line, top: -line, right: right + line, bottom: bottom + line };
  return {
    ...marks(sampled(mask, scale, wider), box, { line, moves: true }),
    box,
    value: sampled(mask, scale, box),
  };
}

/** A disc, a bar along each diagonal, a rectangle at the border, and a single pixel. */
function shapes() {
  const [width, height] = [160, 120];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isIn =
        Math.hypot(x - 40, y - 40) < 25 ||
        (Math.abs(x - 100 + (y - 50)) < 8 && y > 10 && y < 90) ||
        (Math.abs(x - 120 - (y - 50)) < 5 && y > 10 && y < 90) ||
        (x < 30 && y > 90) ||
        (x === 90 && y === 110);
      if (isIn) data[y * width + x] = 255;
    }
  }
  return { width, height, data };
}

test("a stripe is told from any colour under it, by 3 : 1 or more", () => {
  let least = 21;
  for (let code = 0; code < 26 ** 3; code += 1) {
    const ground = [code % 26, Math.floor(code / 26) % 26, Math.floor(code / 676)].map(
      (v) => v / 25,
    );
    const under = luminance(...ground);
    const light = luminance(...ground.map((v) => v + (1 - v) * STRIPE));
    const dark = luminance(...ground.map((v) => v * (1 - STRIPE)));
    least = Math.min(least, Math.max(contrast(light, under), contrast(dark, under)));
  }
  assert.ok(least >= 3, `${least}`);
});

test("black and white lie along every edge, at every zoom and of every line", () => {
  const mask = shapes();
  for (const [scale, line] of [
    [1, 1],
    [0.37, 1],
    [0.11, 1],
    [3.3, 1],
    [2.5, 2],
    [4, 3],
  ]) {
    const { ants, box, value } = drawn(mask, scale, line);
    const wide = box.right;
    let pairs = 0;
    for (const pixels of ants) {
      const isAt = (x, y, colour) => {
        for (let v = Math.max(0, y - 2 * line); v <= Math.min(box.bottom - 1, y + 2 * line); v += 1)
          for (let u = Math.max(0, x - 2 * line); u <= Math.min(wide - 1, x + 2 * line); u += 1)
            if (pixels[v * wide + u] === colour) return true;
        return false;
      };
      for (let y = 0; y < box.bottom; y += 1) {
        for (let x = 1; x < wide; x += 1) {
          const at = y * wide + x;
          if (Boolean(value[at]) === Boolean(value[at - 1])) continue;
          pairs += 1;
          assert.ok(isAt(x, y, WHITE) && isAt(x, y, BLACK), `${x}, ${y} at ${scale}`);
        }
      }
      for (let at = 0; at < pixels.length; at += 1)
        assert.ok([0, WHITE, BLACK].includes(pixels[at]));
    }
    assert.ok(pairs > 20);
    const moved = ants[0].some((pixel, at) => pixel !== ants[1][at]);
    assert.ok(moved, "the dashes have two places");
  }
});

test("nothing masked goes unseen where the picture is small, and stripes lie in what is masked alone", () => {
  const mask = shapes();
  const { stripes, ants, box } = drawn(mask, 0.11, 1);
  const at = Math.floor(110 * 0.11) * box.right + Math.floor(90 * 0.11);
  assert.ok(ants[0][at], "a single pixel");
  const large = drawn(mask, 2, 1);
  assert.ok(large.stripes.some(Boolean));
  large.stripes.forEach((pixel, place) => {
    if (pixel) assert.ok(large.value[place] && !large.ants[0][place]);
    assert.equal(large.still[place], pixel || large.ants[0][place]);
  });
  assert.equal(stripes.length, ants[1].length);
});

test("a part drawn anew is as it was drawn with the whole", () => {
  const mask = shapes();
  for (const [scale, line] of [
    [0.7, 1],
    [2, 2],
  ]) {
    const whole = drawn(mask, scale, line);
    const part = { left: 13, top: 9, right: 71, bottom: 60 };
    const wider = { left: 13 - line, top: 9 - line, right: 71 + line, bottom: 60 + line };
    const again = marks(sampled(mask, scale, wider), part, { line, moves: true });
    for (let y = part.top; y < part.bottom; y += 1) {
      for (let x = part.left; x < part.right; x += 1) {
        const to = (y - part.top) * (part.right - part.left) + x - part.left;
        const from = y * whole.box.right + x;
        assert.equal(again.stripes[to], whole.stripes[from]);
        assert.equal(again.ants[1][to], whole.ants[1][from]);
      }
    }
  }
});

test("a soft part's stripes are as faint as it is; the box of what is masked is the least", () => {
  const mask = { width: 60, height: 40, data: new Uint8Array(2400).fill(0) };
  assert.equal(maskedBox(mask), null);
  for (let y = 5; y < 35; y += 1) mask.data.fill(51, y * 60 + 7, y * 60 + 50);
  assert.deepEqual(maskedBox(mask), { left: 7, top: 5, right: 50, bottom: 35 });
  const alphas = new Set(drawn(mask, 1, 1).stripes.map((pixel) => pixel >>> 24));
  assert.deepEqual([...alphas].sort(), [0, Math.round(51 * STRIPE)]);
});
