// Words, numbers of sliders, and values that tell when they change.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Range } from "../../../studio/ui/static/shared/range.js";
import { signal, whenever } from "../../../studio/ui/static/shared/signals.js";
import * as words from "../../../studio/ui/static/shared/words.js";

test("time is told as exactly as anybody reads it", () => {
  assert.equal(words.duration(0.04), "0.0 s");
  assert.equal(words.duration(9.94), "9.9 s");
  assert.equal(words.duration(9.96), "10 s");
  assert.equal(words.duration(99.4), "99 s");
  assert.equal(words.duration(125), "2 min 5 s");
});

test("what is said of a picture says that it was approximated", () => {
  const request = { scheduler: "Euler", steps: 20, guidance_scale: 6, approximate: true };
  const told = words.facts({ seed: 7, request }, [256, 128]);
  assert.equal(told, "Seed 7 · 256 × 128 · Euler · 20 steps · CFG 6 · approximate");
});

test("the status says where a job stands", () => {
  assert.equal(words.waitingWords(2, "warm"), "2 before you");
  assert.equal(words.waitingWords(0, "loading"), "Next, as soon as the model is loaded");
  assert.equal(words.waitingWords(0, "warm"), "Next in line");
  assert.equal(words.runningWords({ total: 0 }), "Starting");
  assert.equal(words.runningWords({ step: 7, total: 20, eta_s: null }), "Step 7/20");
  assert.equal(words.runningWords({ step: 7, total: 20, eta_s: 3 }), "Step 7/20 · 3.0 s left");
  assert.equal(
    words.loadingWords({ stage: "dream: unet", fraction: 0.62 }),
    "Loading dream … 62 %",
  );
});

test("of a batch each picture is told the seeds that make it alone", () => {
  const request = { seed: 5, variation_seed: 40, variation_strength: 0.3, width: 8, height: 8 };
  const own = (seed, variation) => ({ seed, variation_seed: variation, variation_strength: 0.3 });
  assert.deepEqual(words.seedsOf({ seed: 5, variation_seed: 42, request }), own(5, 42));
  const kept = { seed: 5, request: { ...request, batch_place: 1 } };
  assert.deepEqual(words.seedsOf(kept), own(5, 41));
  assert.match(words.facts(kept, [8, 8]), /^Seed 5, variation 41 · /);
  const plain = { seed: 7, request: { ...request, variation_strength: 0 } };
  assert.deepEqual(words.seedsOf(plain), { seed: 7 });
  assert.match(words.facts(plain, [8, 8]), /^Seed 7 · /);
});

test("what was measured outside a mask is told, and only there", () => {
  const picture = (most, kind) => ({
    outside_mask_max_difference: most,
    request: { task: { kind } },
  });
  assert.deepEqual(words.promise(picture(null, "image_to_image")), { words: "", isKept: true });
  assert.deepEqual(words.promise(picture(0, "inpaint")), {
    words: "Outside the mask: unchanged",
    isKept: true,
  });
  const broken = words.promise(picture(3, "outpaint"));
  assert.deepEqual(broken, {
    words: "Inside the old picture: changed by up to 3 of 255",
    isKept: false,
  });
});

test("sizes of files have three digits", () => {
  assert.equal(words.size(999), "1 kB");
  assert.equal(words.size(4_260_000_000), "4.26 GB");
  assert.equal(words.size(143_000_000), "143 MB");
  assert.equal(words.size(14_300_000), "14.3 MB");
});

test("a slider snaps to its steps, a box takes finer fractions", () => {
  const scale = new Range({ minimum: 1, maximum: 30, step: 0.5 }, false);
  assert.equal(scale.snap(7.3), 7.5);
  assert.equal(scale.accept(7.3), 7.3);
  assert.equal(scale.accept(99), 30);
  assert.equal(scale.share(15.5), 0.5);
  const steps = new Range({ minimum: 1, maximum: 150, step: 1 }, false);
  assert.equal(steps.accept(7.6), 8);
});

test("a logarithmic track goes there and back", () => {
  const side = new Range({ minimum: 64, maximum: 2048, step: 8 }, true);
  for (let value = 64; value <= 2048; value += 8) {
    assert.equal(side.snap(side.fromTrack(side.toTrack(value))), value);
  }
  assert.ok(side.share(362) > 0.49 && side.share(362) < 0.51);
});

test("a signal tells changes, in order, and only changes", () => {
  const one = signal(1);
  const heard = [];
  const stop = one.on((value) => heard.push(["a", value]));
  one.on((value) => heard.push(["b", value]));
  one.value = 1;
  one.value = 2;
  stop();
  one.tell("inside");
  assert.deepEqual(heard, [
    ["a", 2],
    ["b", 2],
    ["b", "inside"],
  ]);
});

test("work is done now and after each change", () => {
  const [a, b] = [signal(1), signal(2)];
  const sums = [];
  whenever([a, b], () => sums.push(a.value + b.value));
  a.value = 5;
  b.value = 0;
  assert.deepEqual(sums, [3, 7, 5]);
});
