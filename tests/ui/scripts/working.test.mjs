// The chain of pictures that are worked on: its steps, what is kept of it, what is lost.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const kept = new Map();
globalThis.localStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
};

const picture = (image) => ({ image, url: `images/${image}`, width: 8, height: 8 });
let visits = 0;

/** The chain as a page finds it that was just loaded. */
const visit = () => {
  visits += 1;
  return import(`../../../studio/ui/static/canvas/working.js?${visits}`);
};
const names = (chain) => chain.working()?.image ?? null;

beforeEach(() => kept.clear());

test("each picture is a step back, and forth until another takes its place", async () => {
  const chain = await visit();
  const heard = [];
  chain.onWorking((now) => heard.push(now?.image ?? null));
  assert.equal(chain.isKnown(), false);
  assert.equal(chain.undo(), false);
  for (const one of ["a", "b", "c"]) assert.equal(chain.accept(picture(one)), true);
  assert.equal(chain.accept(picture("c")), false);
  assert.equal(chain.undo() && chain.undo(), true);
  assert.equal(chain.undo(), false); // the first is not taken away
  assert.equal(names(chain), "a");
  assert.equal(chain.redo(), true);
  assert.equal(names(chain), "b");
  chain.accept(picture("d"));
  assert.equal(chain.mayRedo(), false);
  chain.undo();
  assert.deepEqual(heard, ["a", "b", "c", "b", "a", "b", "d", "b"]);
});

test("a page that is loaded again is where it was, with all steps, as names alone", async () => {
  const before = await visit();
  for (const one of ["a", "b", "c"])
    before.accept({ ...picture(one), request: { prompt: "long" } });
  before.undo();
  assert.ok(!kept.get("studio.working").includes("prompt"));
  const after = await visit();
  assert.deepEqual(after.working(), picture("b"));
  assert.equal(after.redo(), true);
  assert.equal(names(after), "c");
  assert.ok(after.undo() && after.undo());
  assert.equal(names(after), "a");
});

test("what is removed comes back, and is no step once there is another", async () => {
  const chain = await visit();
  chain.accept(picture("a"));
  chain.accept(null);
  assert.equal(names(chain), null);
  assert.equal(chain.mayUndo(), true);
  chain.undo();
  assert.equal(names(chain), "a");
  chain.redo();
  chain.accept(picture("b"));
  chain.undo();
  assert.equal(names(chain), "a");
});

test("to go back is a step back where that leads there, else a step on", async () => {
  const chain = await visit();
  for (const one of ["a", "b"]) chain.accept(picture(one));
  chain.backTo(picture("a"));
  assert.equal(chain.mayRedo(), true);
  chain.backTo(picture("z"));
  chain.undo();
  assert.equal(names(chain), "a");
});

test("no step leads to a picture that is gone", async () => {
  const chain = await visit();
  for (const one of ["a", "b", "c", "b"]) chain.accept(picture(one));
  chain.lose("b");
  assert.equal(names(chain), null);
  const seen = [];
  while (chain.undo()) seen.push(names(chain));
  assert.deepEqual(seen, ["c", "a"]);
  chain.redo();
  chain.lose("a"); // one that is not in sight
  assert.equal(names(chain), "c");
  assert.equal(chain.mayUndo(), false);
});

test("the chain has an end", async () => {
  const chain = await visit();
  for (let at = 0; at < 250; at += 1) chain.accept(picture(`${at}`));
  let steps = 0;
  while (chain.undo()) steps += 1;
  assert.equal(steps, 99);
  assert.equal(names(chain), "150");
});
