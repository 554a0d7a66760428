// Which texts and files are read for settings, and what is said of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { looksLikeSettings, MOST_BYTES, refusal } from "../../../studio/ui/static/restore/looks.js";
import { nothingWords, summary } from "../../../studio/ui/static/restore/reading_words.js";

test("a prompt is told from settings", () => {
  for (const text of [
    "a fox\nNegative prompt: blur\nSteps: 20, Sampler: Euler, Seed: 1",
    "Steps: 20, Seed: 1",
    '  {"prompt": "a fox", "steps": 3}',
  ])
    assert.equal(looksLikeSettings(text), true, text);
  for (const text of [
    "",
    "a fox, (moon:1.3)",
    "{red|blue} house",
    "steps: 20, a staircase",
    "many Steps: 20, of stone",
    "[a:b:0.5]",
    "{",
    `{"a": ${"1".repeat(4e6)}}`,
  ])
    assert.equal(looksLikeSettings(text), false, text.slice(0, 40));
});

test("what is too large or empty is refused before it is sent", () => {
  assert.equal(refusal({ name: "a.png", size: MOST_BYTES, type: "image/png" }), "");
  assert.match(
    refusal({ name: "a.png", size: 100 * 2 ** 20, type: "image/png" }),
    /^a\.png has 100 MB\..*64 MB/,
  );
  assert.match(refusal({ name: "", size: 0, type: "" }), /^This file is empty/);
  assert.match(refusal({ name: "a.mp4", size: 9, type: "video/mp4" }), /no picture/);
});

test("what was read is counted in words", () => {
  const missing = (kind) => ({ kind, name: "x" });
  const reading = {
    understood: ["Steps", "Seed"],
    ignored: [{}],
    missing: ["lora", "vae", "lora"].map(missing),
  };
  assert.equal(summary(reading), "2 settings, 1 not understood, 2 LoRAs missing, 1 VAE missing");
  assert.equal(summary({ understood: ["Steps"], ignored: [], missing: [] }), "1 setting");
  assert.match(nothingWords({ ignored: [{ why: "The file ends early." }] }, true), /ends early/);
  assert.match(nothingWords({ ignored: [] }, true), /often take them out/);
});
