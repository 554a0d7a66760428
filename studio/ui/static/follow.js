// Following a job over the network: a long poll that brings only what is newest.

import { address } from "./data.js";

const RETRY_MS = 1000;
const HIDDEN_MS = 3000;
const FINAL = ["finished", "failed", "cancelled"];

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const job = (id, rest = "") => address(`studio/v1/jobs/${encodeURIComponent(id)}${rest}`);

/**
 * Report a job until it ends. `on.news(state, jpeg)` is awaited; jpeg is null without a new
 * preview. `on.lost()` while the server does not answer, `on.gone()` if it knows no such job.
 */
export async function follow(id, on) {
  for (let after = 0; ; ) {
    let answer;
    let jpeg = null;
    try {
      answer = await poll(id, after);
      if (answer.ok && answer.status !== 204) jpeg = await answer.blob();
    } catch {
      on.lost();
      await pause(RETRY_MS);
      continue;
    }
    if (answer.status === 404) return on.gone();
    if (!answer.ok) {
      on.lost();
      await pause(RETRY_MS);
      continue;
    }
    if (document.hidden) await pause(HIDDEN_MS);
    if (jpeg === null) {
      on.still();
      continue;
    }
    after = Number(answer.headers.get("X-Seq"));
    const state = JSON.parse(answer.headers.get("X-State"));
    await on.news(state, jpeg.size > 0 ? jpeg : null);
    if (FINAL.includes(state.state)) return undefined;
  }
}

/** A browser holds few connections to one host, so a hidden page waits on none. */
function poll(id, after) {
  const number = document.hidden ? Math.max(0, after - 1) : after;
  return fetch(job(id, `/preview?after=${number}`), { cache: "no-store" });
}

/** A job with its request and the infotext of its pictures; null if there is none. */
export async function describe(id) {
  const answer = await fetch(job(id), { cache: "no-store" });
  return answer.ok ? answer.json() : null;
}

export async function cancel(id) {
  const answer = await fetch(job(id, "/cancel"), { method: "POST" });
  return answer.ok;
}

/** What `/studio/v1/status` says; null if nobody answers. */
export async function health() {
  try {
    const answer = await fetch(address("studio/v1/status"), { cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
