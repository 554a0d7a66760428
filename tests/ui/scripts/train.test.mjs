// What the tab Train counts and says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { actionsOf, stateWords } from "../../../studio/ui/static/run/training_words.js";
import {
  cropOf,
  labelOf,
  replaced,
  smooth,
  tagsOf,
} from "../../../studio/ui/static/train/words.js";

test("tags are counted once a caption", () => {
  const found = tagsOf(["mill, red, red", "mill , sea", ""]);
  assert.deepEqual(found, [
    ["mill", 2],
    ["red", 1],
    ["sea", 1],
  ]);
});

test("captions without the words stay as they are", () => {
  const pictures = [
    { file: "a.png", caption: "a mill, a mill" },
    { file: "b.png", caption: "sea" },
  ];
  assert.deepEqual(replaced(pictures, "a mill", "windmill"), { "a.png": "windmill, windmill" });
});

test("a picture is cut evenly to the shape of its bucket", () => {
  assert.deepEqual(cropOf([200, 100], [64, 64]), { left: 0.25, top: 0, width: 0.5, height: 1 });
});

test("a curve is smoothed and keeps its steps", () => {
  const points = [
    [1, 0],
    [2, 3],
    [3, 0],
  ];
  assert.deepEqual(smooth(points, 1), [
    [1, 1.5],
    [2, 1],
    [3, 1.5],
  ]);
});

test("where a training stands", () => {
  const one = { state: "running", step: 3, steps: 9, loss: 0.25, seconds_left: 61 };
  assert.equal(stateWords(one), "Learning · step 3/9 · loss 0.2500 · 61 s left");
  assert.equal(stateWords({ ...one, wish: "pause" }).split(" · ")[0], "Pausing after this step");
  const night = { state: "queued", step: 3, steps: 9, waits_until: "22:00" };
  assert.equal(stateWords(night), "Waits until 22:00 · step 3/9");
  const reading = { state: "running", step: 0, preparing: "pictures", done: 2, total: 5 };
  assert.equal(stateWords(reading), "Reading pictures: 2/5");
  assert.ok(actionsOf(one).stop && !actionsOf(one).resume && !actionsOf(one).try);
  const ended = (kind) => ({
    state: "finished",
    step: 9,
    result: "mill",
    order: { training: { kind } },
  });
  assert.ok(actionsOf(ended("lora")).compare && actionsOf(ended("embedding")).try);
  assert.ok(!actionsOf(ended("embedding")).compare); // it has no weight of its own
});

test("names of settings", () => {
  assert.equal(labelOf("text_encoder_lr"), "Text encoder learning rate");
  assert.equal(labelOf("min_snr_gamma"), "Min SNR gamma");
});
