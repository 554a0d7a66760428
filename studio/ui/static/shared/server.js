// All that the page asks of the studio: one way there, and one voice for what goes wrong.

import { address } from "./data.js";

const NO_ANSWER = "The studio does not answer. Is it still running?";

/** A failure in words for people. */
export class ServerError extends Error {
  /** `status` is that of the answer, 0 where none came; `kind` what the studio calls it, and
   * `field` which one it is about. */
  constructor(message, status, { error = "", field = "" } = {}) {
    super(message);
    this.status = status;
    this.kind = error;
    this.field = field;
  }
}

/**
 * Ask for `path`; the answer is a Response that is ok, or 304. Throws a ServerError.
 * of.json    what is sent as JSON
 * of.signal  an AbortSignal that ends the request with an AbortError
 * The rest of `of` is as fetch takes it.
 * @param {string} path
 * @param {RequestInit & {json?: unknown}} [of]
 */
export async function ask(path, { json, ...of } = {}) {
  const sent =
    json === undefined
      ? {}
      : {
          body: JSON.stringify(json),
          headers: { "Content-Type": "application/json", ...of.headers },
        };
  let answer;
  try {
    answer = await fetch(address(path), { cache: "no-store", ...of, ...sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(NO_ANSWER, 0);
  }
  if (answer.ok || answer.status === 304) return answer;
  const told = await answer.json().catch(() => ({}));
  const words = told.message ?? `The studio answers with ${answer.status}.`;
  throw new ServerError(words, answer.status, told);
}

/** The answer's JSON. */
export async function get(path) {
  return (await ask(path)).json();
}

/** Send `json` and give the answer's JSON; null where the answer is empty. */
export async function send(method, path, json) {
  const text = await (await ask(path, { method, json })).text();
  return text ? JSON.parse(text) : null;
}

/**
 * Send `json` and call `told(value)` with each value of the server-sent events that come back, one
 * after the other, until they end. An event called "failed" is thrown; `signal` ends it, as for `ask`.
 * @param {string} path
 * @param {unknown} json
 * @param {(value: any) => void | Promise<void>} told
 * @param {AbortSignal} signal
 */
export async function follow(path, json, told, signal) {
  const answer = await ask(path, { method: "POST", json, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const value = JSON.parse(event.slice(event.indexOf("data: ") + 6));
      if (event.startsWith("event: failed")) throw new ServerError(value.message, 0);
      await told(value);
    }
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The answer of `work()`, tried again after `pause_ms` as long as `may(error)` says so. */
export async function retrying(work, { pause_ms, may }) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!may(error)) throw error;
      await pause(pause_ms);
    }
  }
}

/** What `/studio/v1/status` says; null if nobody answers. */
export const health = () => get("studio/v1/status").catch(() => null);
