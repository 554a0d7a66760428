// Weights and chunks by key, places of what a prompt names, what is being typed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { moveChunk } from "../../../studio/ui/static/prompt/chunks.js";
import { pieces, placed, shifted } from "../../../studio/ui/static/prompt/marks.js";
import { taken, typedAt } from "../../../studio/ui/static/prompt/typed.js";
import {
  setTagWeight,
  setWeight,
  takeOut,
  weigh,
  weightOf,
} from "../../../studio/ui/static/prompt/weights.js";

/** `marked` has a | at the caret, or at both ends of the selection; so has the answer. */
function edited(marked, edit) {
  const [before, ...rest] = marked.split("¦");
  const selected = rest.length === 2 ? rest[0] : "";
  const text = before + rest.join("");
  const change = edit(text, before.length, before.length + selected.length);
  if (change === null) return null;
  const after = text.slice(0, change.from) + change.text + text.slice(change.to);
  const { start, end } = change;
  if (start === end) return `${after.slice(0, start)}¦${after.slice(start)}`;
  return `${after.slice(0, start)}¦${after.slice(start, end)}¦${after.slice(end)}`;
}

const up = (marked, dialect) => edited(marked, (...at) => weigh(...at, 1, dialect));
const down = (marked, dialect) => edited(marked, (...at) => weigh(...at, -1, dialect));

test("a word at the caret gets a weight, and loses its brackets at 1", () => {
  assert.equal(up("a r¦ed house"), "a (¦red¦:1.1) house");
  assert.equal(up("a (¦red¦:1.1) house"), "a (¦red¦:1.2) house");
  assert.equal(down("a (¦red¦:1.1) house"), "a ¦red¦ house");
  assert.equal(down("a ¦red¦ house"), "a (¦red¦:0.9) house");
  assert.equal(up("a (¦red¦:0.9) house"), "a ¦red¦ house");
  assert.equal(up("red¦, blue"), "(¦red¦:1.1), blue");
  assert.equal(up("red, ¦ blue"), null);
  assert.equal(up("¦"), null);
  assert.equal(down("(¦red¦:0.05)"), "(¦red¦:0)");
});

test("brackets at the caret, around a selection and selected whole are the ones that change", () => {
  assert.equal(up("(a red¦ house:1.25), sky"), "(¦a red house¦:1.35), sky");
  assert.equal(up("(red h¦ouse)"), "(¦red house¦:1.2)");
  assert.equal(down("(red h¦ouse)"), "¦red house¦");
  assert.equal(up("(a (b¦ c:1.3) d:1.1)"), "(a (¦b c¦:1.4) d:1.1)");
  assert.equal(up("x ¦(red house:1.2)¦ y"), "x (¦red house¦:1.3) y");
  assert.equal(up("a¦ red house ¦b"), "a (¦red house¦:1.1) b");
  assert.equal(up("a ¦red) hou¦se"), null);
  assert.equal(up("a ¦(red) hou¦se"), "a (¦(red) hou¦:1.1)se");
  assert.equal(up("\\(re¦d\\)"), "\\((¦red¦:1.1)\\)");
});

test("networks count by 0.05 wherever the caret is in their tag, with both of their weights", () => {
  assert.equal(up("a <lora:blue¦print:0.8>"), "a ¦<lora:blueprint:0.85>¦");
  assert.equal(down("<lora:a\\:b¦>, c"), "¦<lora:a\\:b:0.95>¦, c");
  assert.equal(up("<lora:x¦:0.8:0.5>"), "¦<lora:x:0.85:0.55>¦");
  assert.equal(up("<lyco:x¦:te=0.8:unet=1>"), "¦<lyco:x:te=0.85:unet=1.05>¦");
  assert.equal(
    edited("¦<lora:x:0.8:0.5>¦", (...at) => setTagWeight(...at, 1.2)),
    "¦<lora:x:1.2>¦",
  );
});

test("InvokeAI's dialect has its weights behind the bracket, and signs", () => {
  assert.equal(up("a r¦ed house", "invokeai"), "a (¦red¦)1.1 house");
  assert.equal(up("a (¦red¦)1.1 house", "invokeai"), "a (¦red¦)1.2 house");
  assert.equal(down("a (¦red¦)1.1 house", "invokeai"), "a ¦red¦ house");
  assert.equal(up("mo¦on++ x", "invokeai"), "(¦moon¦)1.31 x");
  assert.equal(up("(red mo¦on)- x", "invokeai"), "¦red moon¦ x");
  assert.equal(up("a m¦oon", "comfyui"), "a (¦moon¦:1.1)");
});

test("a badge sets, tells and takes out a weight", () => {
  const set = (marked, weight) => edited(marked, (...at) => setWeight(...at, weight));
  assert.equal(set("a ¦style¦ b", 1.25), "a (¦style¦:1.25) b");
  assert.equal(set("a (¦style¦:1.25) b", 1), "a ¦style¦ b");
  assert.equal(weightOf("(style:1.25)", 1, 6), 1.25);
  assert.equal(weightOf("style", 0, 5), 1);
  const out = (marked) => edited(marked, (...at) => takeOut(...at));
  assert.equal(out("a, ¦<lora:x>¦, b"), "a,¦ b");
  assert.equal(out("¦<lora:x>¦, b"), "¦b");
  assert.equal(out("a, (¦style¦:1.2)"), "a¦");
  assert.equal(out("a ¦<lora:x>¦ b"), "a ¦b");
  assert.equal(out("¦x¦"), "¦");
});

test("chunks move past each other, brackets whole, blanks and separators where they are", () => {
  const left = (marked) => edited(marked, (...at) => moveChunk(...at, -1));
  const right = (marked) => edited(marked, (...at) => moveChunk(...at, 1));
  assert.equal(left("red house, bl¦ue sea, sky"), "bl¦ue sea, red house, sky");
  assert.equal(right("red h¦ouse, blue sea,sky"), "blue sea, red h¦ouse,sky");
  assert.equal(right("(a, b:1.2)¦, c"), "c, (a, b:1.2)¦");
  assert.equal(left("a, ¦b, c¦, d"), "¦b, c¦, a, d");
  assert.equal(right("red¦ BREAK blue\nsky"), "blue BREAK red¦\nsky");
  assert.equal(right("a (b¦, c"), "c, a (b¦");
  assert.equal(left("a¦, b"), null);
  assert.equal(right("a, b¦"), null);
  assert.equal(right("¦"), null);
});

test("places count an emoji as scripts do, and move with what is typed", () => {
  const mark = (start, end) => ({ kind: "unknown", start, end });
  assert.deepEqual(placed("🦊 fox", [mark(2, 5)]), [mark(3, 6)]);
  assert.deepEqual(placed("a fox", [mark(2, 5)]), [mark(2, 5)]);
  const moved = (before, after, ...marks) => shifted(before, after, marks);
  assert.deepEqual(moved("a quokka, b", "a big quokka, b", mark(2, 8)), [mark(6, 12)]);
  assert.deepEqual(moved("a quokka", "a quokka b", mark(2, 8)), [mark(2, 8)]);
  assert.deepEqual(moved("a quokka", "a quokkas", mark(2, 8)), []);
  assert.deepEqual(moved("a quokka", "a xquokka", mark(2, 8)), []);
  assert.deepEqual(moved("a quokka b", "a quoka b", mark(2, 8)), []);
  assert.deepEqual(moved("a quokka b", "", mark(2, 8)), []);
  const found = pieces("a quokka, b", [mark(2, 8), mark(3, 4)]);
  assert.deepEqual(
    found.map(([words, one]) => [words, one?.start]),
    [
      ["a ", undefined],
      ["quokka", 2],
      [", b", undefined],
    ],
  );
});

test("what is typed is told from what stands before it", () => {
  const typed = (marked) => {
    const at = marked.indexOf("¦");
    const one = typedAt(marked.replace("¦", ""), at);
    return one && [one.kinds[0], one.text];
  };
  assert.deepEqual(typed("a <lora:¦"), ["lora", ""]);
  assert.deepEqual(typed("a <lyco:blue¦"), ["lora", "blue"]);
  assert.equal(typed("a <lora:blue:0.¦"), null);
  assert.deepEqual(typed("a __¦"), ["wildcard", ""]);
  assert.deepEqual(typed("__a__ b, __time_of¦"), ["wildcard", "time_of"]);
  assert.equal(typed("__animal__¦"), null);
  assert.deepEqual(typed("red, lo¦"), ["embedding", "lo"]);
  assert.deepEqual(typed("(long ha¦"), null);
  assert.deepEqual(typed("(long hai¦"), ["embedding", "long hai"]);
  assert.equal(typed("a red ho¦"), null);
  assert.equal(typed("ho¦use"), null);
  assert.equal(typed("a ¦"), null);
});

test("a choice takes the place of what was typed", () => {
  const take = (marked, choice) => {
    const at = marked.indexOf("¦");
    const text = marked.replace("¦", "");
    return edited(marked, () => taken(text, typedAt(text, at), choice));
  };
  const lora = { kind: "lora", insert: "<lora:blueprint:1>", typed: "blu" };
  assert.equal(take("a <lora:blu¦", lora), "a <lora:blueprint:1>¦");
  assert.equal(take("a <lora:blu¦:0.5>, c", lora), "a <lora:blueprint:1>¦, c");
  const list = { kind: "wildcard", insert: "__animal__", typed: "an" };
  assert.equal(take("a __an¦ b", list), "a __animal__¦ b");
  const tag = { kind: "tag", insert: "meadow", typed: "mea" };
  assert.equal(take("a house on a mea¦, c", tag), "a house on a meadow¦, c");
});
