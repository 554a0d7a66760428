import assert from "node:assert/strict";
import { test } from "node:test";
import { moved } from "../../../studio/ui/static/dataset/boxes.js";
import { specOf } from "../../../studio/ui/static/dataset/form.js";

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
    classes: "no: a {x|y} house\n\n cat ",
    template: "__things__: #",
  };
  const text = specOf({ ...values, count: "3", negatives: "0", steps: "1" });
  assert.match(text, /^name: "a \\"b\\""$/m);
  assert.match(text, /^ {2}"no": "a \{x\|y\} house"$/m);
  assert.match(text, /^ {2}"cat": ""$/m);
  assert.match(text, /^ {2}- "__things__: #"$/m);
  assert.doesNotMatch(text, /steering/);
  assert.match(specOf({ ...values, steering: "regions" }), /^steering: regions$/m);
});
