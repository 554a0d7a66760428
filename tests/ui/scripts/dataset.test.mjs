import assert from "node:assert/strict";
import { test } from "node:test";
import { moved } from "../../../studio/ui/static/dataset/boxes.js";
import { specOf, steered } from "../../../studio/ui/static/dataset/spec.js";

test("a box stays in the picture and keeps a pixel", () => {
  const size = [100, 50];
  assert.deepEqual(moved([10, 10, 30, 30], "all", [5, -20], size), [15, 0, 35, 20]);
  assert.deepEqual(moved([10, 10, 30, 30], "all", [500, 500], size), [80, 30, 100, 50]);
  assert.deepEqual(moved([10, 10, 30, 30], "near", [50, -50], size), [29, 0, 30, 30]);
  assert.deepEqual(moved([10, 10, 30, 30], "far", [90, -90], size), [10, 10, 100, 11]);
});

test("the fields come to a specification, whatever is in them", () => {
  const values = {
    name: 'a "b"',
    checkpoint: "picturebook",
    classes: "no: a {x|y} house\n\n cat ",
    template: "__things__: #",
    conditions: "sky: by day: 3, at night\n",
    ...{ count: "3", train: "70", val: "30", test: "", negatives: "5", side: "128", steps: "1" },
  };
  const text = specOf(values);
  const lines = text.split("\n");
  for (const line of [
    'name: "a \\"b\\""',
    'checkpoint: "picturebook"',
    '  "no": "a {x|y} house"',
    '  "cat": ""',
    '  - "__things__: #"',
    '  "sky": {"by day": 3, "at night": 1}',
    "split: {train: 0.7, val: 0.3, test: 0}",
    "negatives: 0.05",
    "height: 128",
  ])
    assert.ok(lines.includes(line), line);
  assert.doesNotMatch(text, /steering/);
  assert.doesNotMatch(specOf({ ...values, side: "", conditions: "" }), /width|conditions/);
  const photos = { steering: "regions", region: "0, 0.5, 1, 1" };
  assert.match(specOf({ ...values, ...photos }), /^steering: regions\nregion: \[0, 0.5, 1, 1\]$/m);
});

test("a specification written by hand gets other photos, and stays as it is else", () => {
  const text = "name: a\nsteering: regions\nregion: [0, 0, 1, 1]\ncount: 3";
  const varied = { steering: "variations", region: "" };
  assert.equal(steered(text, varied), "name: a\ncount: 3\nsteering: variations\n");
  assert.equal(steered(text, { steering: "", region: "" }), "name: a\ncount: 3\n");
});
