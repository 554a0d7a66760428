// Colours with an alpha, without a browser: how strokes mix, what goes into a file, and in what order
// layers are undone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";

import { Layer } from "../../../studio/ui/static/canvas/layer.js";
import { Mask } from "../../../studio/ui/static/canvas/mask.js";
import { pngOf } from "../../../studio/ui/static/canvas/png.js";
import { fillBox } from "../../../studio/ui/static/canvas/shapes.js";
import { lastOf, nextOf } from "../../../studio/ui/static/canvas/steps.js";

const NOTHING = [0, 0, 0, 0];
const ALL = { left: 0, top: 0, right: 4, bottom: 2 };

function box(layer, colour, part, opacity = 1) {
  layer.use(colour);
  fillBox(layer.cover, part, { target: 255, opacity });
}

test("a colour is laid over another by its alpha, and erasing takes alpha alone", () => {
  const layer = new Layer(4, 2, { back: NOTHING });
  box(layer, [200, 40, 0], ALL, 0.5);
  assert.deepEqual(layer.at(0, 0), [200, 40, 0, 128]);
  box(layer, [0, 40, 100], { ...ALL, right: 2 }, 0.5);
  // Of 255: 64 stay of the first, 128 come of the second.
  assert.deepEqual(layer.at(0, 0), [66, 40, 67, 192]);
  assert.deepEqual(layer.at(3, 1), [200, 40, 0, 128]);
  box(layer, null, { ...ALL, right: 1 }, 0.5);
  assert.deepEqual(layer.at(0, 0), [66, 40, 67, 96]);
  box(layer, null, ALL);
  assert.equal(layer.alpha.total, 0);
  for (let step = 0; step < 2; step += 1) layer.undo();
  assert.deepEqual(layer.at(0, 0), [66, 40, 67, 192]);
});

test("a bucket fills what looks alike, by colour and alpha", () => {
  const layer = new Layer(4, 2, { back: NOTHING });
  box(layer, [0, 0, 255], { ...ALL, right: 1 });
  layer.use([255, 0, 0]);
  layer.fill(2, 0, 0.4);
  assert.deepEqual(
    [layer.at(0, 0), layer.at(3, 1)],
    [
      [0, 0, 255, 255],
      [255, 0, 0, 102],
    ],
  );
  assert.equal(layer.past.length, 2);
});

test("a file holds every byte, and no colour where nothing is to be seen", async () => {
  const layer = new Layer(4, 2, { back: NOTHING });
  box(layer, [12, 250, 3], { ...ALL, right: 2 }, 0.01);
  box(layer, null, { ...ALL, right: 1 });
  const planes = layer.planes.map(({ data }) => data);
  const file = new Uint8Array(await (await pngOf({ width: 4, height: 2, planes })).arrayBuffer());
  assert.equal(file[25], 6, "RGBA");
  const at = new DataView(file.buffer).getUint32(33);
  const rows = [...inflateSync(file.subarray(41, 41 + at))];
  const row = [0, 0, 0, 0, 0, 12, 250, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0];
  assert.deepEqual(rows, [...row, ...row]);
});

test("layers are undone in the order in which they were painted", () => {
  const mask = new Mask(4, 2);
  const layer = new Layer(4, 2, { back: NOTHING });
  const both = [mask, layer];
  const paint = (right) => fillBox(mask, { ...ALL, right }, { target: 255, opacity: 1 });
  assert.equal(lastOf(both), undefined);
  box(layer, [1, 2, 3], { ...ALL, right: 1 });
  paint(1);
  box(layer, [1, 2, 3], { ...ALL, right: 2 });
  const order = [];
  for (let one = lastOf(both); one; one = lastOf(both)) {
    order.push(one);
    one.undo();
  }
  assert.deepEqual(order, [layer, mask, layer]);
  assert.equal(nextOf(both), layer);
  nextOf(both).redo();
  assert.equal(nextOf(both), mask);
  paint(3); // what was undone before it is lost, in either layer, also once this is undone
  assert.equal(nextOf(both), undefined);
  lastOf(both).undo();
  assert.equal(nextOf(both), mask);
  nextOf(both).redo();
  assert.equal(nextOf(both), undefined);
  assert.equal(layer.future.length, 1);
});
