// What the queue says of its jobs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  about,
  blockWords,
  mayRetry,
  pressWords,
  standing,
  summary,
} from "../../../studio/ui/static/run/queue_words.js";

const job = (of) => ({ state: "queued", request: { prompt: "" }, images: [], ...of });

test("seconds that are foretold are not told too exactly", () => {
  assert.deepEqual(
    [0.2, 1.4, 12.3, 43, 88, 131, 372, 3671].map(about),
    ["1 s", "1 s", "12 s", "45 s", "90 s", "2 min", "6 min", "61 min"].map(
      (time) => `about ${time}`,
    ),
  );
});

test("a job that waits says its place and what is known of its time", () => {
  assert.equal(standing(job(), 0), "Next");
  assert.equal(
    standing(job({ forecast_s: 12, waits_s: 40 }), 2),
    "2 before it · about 12 s · begins in about 40 s",
  );
  assert.equal(standing(job({ forecast_s: null, waits_s: 0 }), 1), "1 before it");
});

test("what has ended says how", () => {
  assert.equal(standing(job({ state: "finished", elapsed_s: 12.4 })), "Done in 12 s");
  assert.equal(standing(job({ state: "failed", message: "No memory." })), "No memory.");
});

test("what would fail again for sure is not offered again", () => {
  assert.ok(mayRetry(job({ state: "failed", error: "OutOfMemory" })));
  assert.ok(!mayRetry(job({ state: "failed", error: "NotFound" })));
  assert.ok(!mayRetry(job({ state: "failed", error: "InvalidRequest" })));
  assert.ok(!mayRetry(job({ state: "finished" })));
});

test("over the list stand how many wait, and the time of all where it is known", () => {
  const running = job({ state: "running", eta_s: 3 });
  const known = job({ forecast_s: 10 });
  assert.equal(summary([running], 1), "");
  assert.equal(summary([running, known], 2), "1 waits · about 13 s");
  assert.equal(summary([running, known, job()], 3), "2 wait");
  assert.equal(summary([running, known], 7), "6 wait");
  assert.equal(summary([running, known, job({ state: "failed" })], 2), "1 waits · about 13 s");
});

test("before a press stands what it takes, and whom it keeps waiting", () => {
  assert.equal(pressWords({}), "");
  assert.equal(pressWords({ seconds: 12.2, waits_s: 0 }), "about 12 s");
  assert.equal(pressWords({ seconds: 12.2, waits_s: null }), "about 12 s");
  assert.equal(pressWords({ seconds: 12.2, waits_s: 41 }), "about 12 s + 40 s waiting");
  const large = { width: 2048, height: 2048 };
  assert.equal(
    blockWords(large, 372, 2),
    "2048 × 2048: about 6 min. 2 others wait meanwhile. Draw it?",
  );
  assert.equal(blockWords({}, 90, 1), "About 90 s. Somebody else waits meanwhile. Draw it?");
});
