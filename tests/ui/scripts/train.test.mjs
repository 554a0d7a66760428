// What the tab Train counts and says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { actionsOf, stateWords } from "../../../studio/ui/static/run/training_words.js";
import { setName, sorted } from "../../../studio/ui/static/train/folders.js";
import {
  addedWords,
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
  assert.ok(actionsOf({ ...night, order: {} }).now && !actionsOf(one).now);
  const reading = { state: "running", step: 0, preparing: "pictures", done: 2, total: 5 };
  assert.equal(stateWords(reading), "Reading pictures: 2/5");
  assert.ok(actionsOf(one).stop && !actionsOf(one).resume && !actionsOf(one).try);
  const ended = (kind) => ({
    state: "finished",
    step: 9,
    result: "mill",
    order: { training: { kind } },
  });
  assert.equal(stateWords(ended("lora")).split(" · ")[1], "mill is in the catalog");
  assert.ok(actionsOf(ended("lora")).compare && actionsOf(ended("embedding")).try);
  assert.ok(!actionsOf(ended("embedding")).compare); // it has no weight of its own
});

test("names of settings", () => {
  assert.equal(labelOf("text_encoder_lr"), "Text encoder learning rate");
  assert.equal(labelOf("min_snr_gamma"), "Min SNR gamma");
});

const found = (path, text = "") => ({ path, file: { text: async () => text, path } });

test("a folder is pictures with captions beside them, in metadata.jsonl, and masks", async () => {
  const { pictures, left } = await sorted([
    found("mills/a10.png"),
    found("mills/a9.png"),
    found("mills/a9.txt", "\ufeffa mill"),
    found("mills/masks/a9.webp"),
    found("mills/metadata.jsonl", '{"file_name": "a10.png", "text": "the sea"}\nno json\nnull\n'),
    found("mills/12_mill red/b.jpg"),
    found("mills/.DS_Store"),
    found("mills/notes.pdf"),
  ]);
  const told = pictures.map(({ path, caption, mask }) => [path, caption, mask?.path]);
  assert.deepEqual(told, [
    ["mills/12_mill red/b.jpg", undefined, undefined],
    ["mills/a9.png", "a mill", "mills/masks/a9.webp"],
    ["mills/a10.png", "the sea", undefined],
  ]);
  assert.equal(left, 1);
  assert.equal(addedWords(3, 0, left), "3 pictures added. 1 other file was left out.");
});

test("a new set is called as the folder that was dropped", () => {
  const named = (path) => setName([{ path }]);
  assert.equal(named("my mills/12_mill/a.png"), "my mills");
  assert.equal(named("12_red mill/a.png"), "red mill");
  assert.equal(named("..what: now./a.png"), "what- now");
  assert.equal(named("a.png"), "");
  assert.equal(named("img/12_mill/a.png"), "");
});
