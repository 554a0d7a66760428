// Following a job over the network: a long poll that brings only what is newest.

import { ask, pause } from "../shared/server.js";
import { read } from "../shared/store.js";

const RETRY_MS = 1000;
const HIDDEN_MS = 3000;
const FINAL = ["finished", "failed", "cancelled"];

const job = (id, rest = "") => `studio/v1/jobs/${encodeURIComponent(id)}${rest}`;

/**
 * Report a job until it ends. `on.news(state, jpeg)` is awaited; jpeg is null without a new
 * preview. `on.lost()` while the server does not answer, `on.gone()` if it knows no such job.
 * False if `signal` ended it before.
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function follow(id, on, signal) {
  for (let after = 0; ; ) {
    let answer;
    let jpeg = null;
    try {
      answer = await poll(id, after, signal);
      if (answer.status !== 204) jpeg = await answer.blob();
    } catch (error) {
      if (signal.aborted) return false;
      if (error.status === 404) {
        on.gone();
        return true;
      }
      on.lost();
      await pause(RETRY_MS);
      continue;
    }
    if (document.hidden) await pause(HIDDEN_MS);
    const state = JSON.parse(answer.headers.get("X-State"));
    // A job that has ended is told of an event that is not new, where its studio was started anew.
    if (jpeg === null && !FINAL.includes(state.state)) {
      on.still();
      continue;
    }
    after = Number(answer.headers.get("X-Seq"));
    await on.news(state, jpeg?.size ? jpeg : null);
    if (FINAL.includes(state.state)) return true;
    const most = read("previews", 0); // in a second; 0: as many as come
    if (most) await pause(1000 / most);
  }
}

/** A browser holds few connections to one host, so a hidden page waits on none. */
function poll(id, after, signal) {
  const number = document.hidden ? Math.max(0, after - 1) : after;
  return ask(job(id, `/preview?after=${number}`), { signal });
}
