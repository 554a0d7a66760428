// What the bias probe says.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  actionsOf,
  chanceWords,
  differWords,
  leanWords,
  stateWords,
  valuesOf,
} from "../../../studio/ui/static/probe/words.js";

test("chance is told in cases", () => {
  assert.match(chanceWords(0.8), /in most cases/);
  assert.match(chanceWords(0.02), /1 of 50 cases/);
  assert.match(chanceWords(0.0001), /1 of 10,000 cases, or fewer/);
});

test("only what is sure over all questions is called out", () => {
  const colour = { name: "colour", p_differs: 0.004 };
  assert.match(differWords(colour, 0.004), /^The colour depends on the word/);
  assert.match(differWords(colour, 0), /^No sure difference/);
  assert.match(differWords({ ...colour, p_differs: null }, 0), /same in all pictures/);
  assert.match(leanWords({ p_even: 0.0001 }, 0.001), /^Leans/);
  assert.equal(leanWords({ p_even: null }, 1), "");
});

test("values stand with the commonest first", () => {
  const share = (value, count) => ({ value, count });
  const words = [{ shares: [share("red", 2), share("blue", 1)] }, { shares: [share("blue", 4)] }];
  assert.deepEqual(valuesOf({ words }), ["blue", "red"]);
});

test("what can be done follows from the pictures", () => {
  const cells = (...states) =>
    states.map((state) => ({ state, image: state === "finished" ? "1" : null }));
  assert.deepEqual(
    Object.entries(actionsOf(cells("finished", "running", "queued")))
      .filter(([, may]) => may)
      .map(([name]) => name),
    ["isOpen", "pause", "cancel"],
  );
  const paused = cells("finished", "paused");
  assert.ok(actionsOf(paused).resume && !actionsOf(paused).isWhole);
  assert.equal(stateWords(paused), "Paused: 1 of 2 drawn.");
  assert.ok(actionsOf(cells("finished", "cancelled")).again);
  assert.equal(stateWords(cells("finished")), "1 of 1 drawn.");
});
