// Asking while somebody types, the prompts that were used, and what the lens says.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countWords,
  inOneLine,
  pictureWords,
  remarks,
} from "../../../studio/ui/static/prompt/lens_words.js";
import { newest } from "../../../studio/ui/static/prompt/newest.js";
import { Walk } from "../../../studio/ui/static/prompt/walk.js";

test("what changes while an answer is on its way is asked for once, right after it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answers = [];
  const asked = [];
  let text = "";
  const ask = newest(() => {
    asked.push(text);
    return new Promise((done) => answers.push(done));
  }, 25);
  const type = (letters) => {
    for (const letter of letters) {
      text += letter;
      ask();
      t.mock.timers.tick(10);
    }
  };
  const answered = async () => {
    answers.shift()();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  type("red");
  assert.deepEqual(asked, [], "nothing is asked for between two keys");
  t.mock.timers.tick(25);
  assert.deepEqual(asked, ["red"]);
  type(" ho");
  t.mock.timers.tick(25);
  type("use");
  t.mock.timers.tick(25);
  assert.deepEqual(asked, ["red"], "one at a time");
  await answered();
  assert.deepEqual(asked, ["red", "red house"]);
  await answered();
  assert.deepEqual(asked, ["red", "red house"]);
  type("s");
  ask.drop();
  t.mock.timers.tick(25);
  type(" by");
  t.mock.timers.tick(25);
  type(" the sea");
  t.mock.timers.tick(25);
  ask.drop();
  await answered();
  assert.deepEqual(asked.slice(2), ["red houses by"], "what is dropped is never asked for");
  assert.equal(answers.length, 0);
});

const entry = (prompt, negative_prompt = "") => ({ prompt, negative_prompt });

test("the walk begins with what was not sent, passes over it where it was, and leads back", async () => {
  const pages = new Map([
    [undefined, { prompts: [entry("c"), entry("b", "fog")], next: "2" }],
    ["2", { prompts: [entry("a")], next: null }],
  ]);
  const walk = new Walk(async (next) => pages.get(next));
  let shown = entry("draft");
  const step = async (direction) => {
    shown = (await walk.step(direction, () => shown)) ?? shown;
    return shown.prompt;
  };
  assert.equal(await step(-1), "draft");
  assert.equal(await step(1), "c");
  assert.equal(await step(1), "b");
  assert.equal(await step(1), "a");
  assert.equal(await step(1), "a");
  assert.equal(await step(-1), "b");
  shown = entry("b and more");
  assert.equal(await step(1), "c", "what was changed is the newest now");
  assert.equal(await step(-1), "b and more");
  walk.forget();
  shown = entry("c");
  assert.equal(await step(1), "b", "it is there already");
  assert.equal(await step(-1), "c");
  walk.jump(entry("a"), shown);
  shown = entry("a");
  assert.equal(await step(-1), "c");

  shown = entry("draft");
  walk.forget();
  await Promise.all([step(1), step(1), step(1)]);
  assert.equal(shown.prompt, "a", "keys are taken one after the other");
});

test("a walk whose pages cannot be had goes on when they can", async () => {
  let fails = true;
  const walk = new Walk(async () => {
    if (fails) throw new Error("no answer");
    return { prompts: [entry("a")], next: null };
  });
  await assert.rejects(walk.step(1, () => entry("draft")));
  fails = false;
  assert.equal((await walk.step(1, () => entry("draft"))).prompt, "a");
});

test("the lens counts chunks, prompts and what there is to say", () => {
  assert.equal(countWords(27, 1), "27/75");
  assert.equal(countWords(81, 2), "81/150 · 2 chunks");
  assert.equal(countWords(300, 1), "300 tokens");
  assert.equal(countWords(null, null), "");
  assert.equal(pictureWords(1), "");
  assert.equal(pictureWords(1200), "1,200 different prompts");
  const seen = { unknown: ["quokka"], negative_unknown: ["quokka", "tram"], warnings: ["Twice."] };
  const all = remarks(seen);
  assert.deepEqual(all, ["Twice.", "The checkpoint does not know: quokka, tram"]);
  assert.equal(inOneLine(all), "Twice. (1 more)");
  assert.equal(inOneLine([]), "");
});
