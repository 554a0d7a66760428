// A picture's family and its settings, as its page shows them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { generations } from "../../../studio/ui/static/library/generations.js";
import { settingsIn } from "../../../studio/ui/static/library/settings_words.js";

test("a family stands in the order of its generations, each behind all that it was made from", () => {
  const edges = [
    ["text", "wide"],
    ["text", "image"],
    ["image", "masked"],
    ["wide", "masked"],
    ["masked", "large"],
    ["wide", "image"],
  ];
  assert.deepEqual(generations("masked", edges), [
    ["text"],
    ["wide"],
    ["image"],
    ["masked"],
    ["large"],
  ]);
  assert.deepEqual(generations("text", edges).at(0), ["text"]);
  assert.deepEqual(generations("large", edges).at(-1), ["large"]);
  assert.deepEqual(generations("alone", edges), [["alone"]]);
});

test("a circle, which no family has, ends all the same", () => {
  const rows = generations("a", [
    ["a", "b"],
    ["b", "a"],
  ]);
  assert.ok(rows.flat().includes("a"));
});

test("an infotext is told in words, commas and lines within a value stay", () => {
  const told = settingsIn(
    'a house\nred, large\nNegative prompt: rain\nsnow\nSteps: 20, Sampler: DPM++ 2M, ControlNet 0: "Module: canny, Weight: 1", CFG scale: 6, Seed: 7',
  );
  assert.equal(told.prompt, "a house\nred, large");
  assert.equal(told.negative, "rain\nsnow");
  assert.deepEqual(told.rows[2], ["ControlNet 0", "Module: canny, Weight: 1"]);
  assert.deepEqual(told.rows.at(-1), ["Seed", "7"]);
  assert.deepEqual(
    settingsIn("a: b, c: d").rows,
    [],
    "a prompt with a colon is no line of settings",
  );
  assert.equal(settingsIn("").prompt, "");
});
