// What the queue says of a job.

import { duration, loadingWords, runningWords } from "../shared/words.js";

export const ENDED = ["finished", "failed", "cancelled"];

/** Errors that come again however often the same is asked for. */
const FOR_GOOD = ["InvalidRequest", "UnknownCheckpoint", "UnknownModel", "NotFound"];

const ABOUT = "about ".length;

export const isWaiting = ({ state }) => state === "queued";
export const hasEnded = ({ state }) => ENDED.includes(state);
export const mayRetry = ({ state, error }) => state === "failed" && !FOR_GOOD.includes(error);

/** "about 12 s": seconds that are only foretold, so none of them too exactly. */
export function about(s) {
  const step = s < 20 ? 1 : s < 90 ? 5 : s < 600 ? 30 : 60;
  const whole = Math.max(1, Math.round(s / step) * step);
  if (whole < 120) return `about ${whole} s`;
  const rest = whole % 60 ? ` ${whole % 60} s` : "";
  return `about ${Math.floor(whole / 60)} min${rest}`;
}

/** Of a job where it stands; `place` is its place among those that wait, from 0. */
export function standing(job, place) {
  if (job.state === "running") return runningWords(job);
  if (job.state === "loading") return loadingWords(job);
  if (job.state === "failed") return job.message ?? "Failed";
  if (job.state === "cancelled") return "Stopped early";
  if (job.state === "finished") return `Done in ${duration(job.elapsed_s ?? 0)}`;
  const parts = [place === 0 ? "Next" : `${place} before it`];
  if (known(job.forecast_s)) parts.push(about(job.forecast_s));
  if (known(job.waits_s) && job.waits_s >= 1) parts.push(`begins in ${about(job.waits_s)}`);
  return parts.join(" · ");
}

const known = (s) => s !== null && s !== undefined;

/** What a press takes: "about 12 s", and what it waits for before. */
export function pressWords({ seconds, waits_s: waits }) {
  if (!known(seconds)) return "";
  return known(waits) && waits >= 1
    ? `${about(seconds)} + ${about(waits).slice(ABOUT)} waiting`
    : about(seconds);
}

/** Before a press that keeps others waiting. */
export function blockWords({ width, height }, seconds, others) {
  const size = width && height ? `${width} × ${height}: ` : "";
  const who = others === 1 ? "Somebody else waits" : `${others} others wait`;
  const takes = about(seconds);
  return `${size}${size ? takes : takes.replace("a", "A")}. ${who} meanwhile. Draw it?`;
}

/** Over the list: how many wait, and how long it takes until all is done, where all is known.
 * `count` are those that wait or run, of which `jobs` may be the first only. */
export function summary(jobs, count) {
  const open = jobs.filter((job) => !hasEnded(job));
  const left = open.map(secondsLeft);
  const number = Math.max(count, open.length) - open.filter((job) => !isWaiting(job)).length;
  const words = number > 0 ? `${number} ${number === 1 ? "waits" : "wait"}` : "";
  if (!words || open.length < count || !left.every(known)) return words;
  return `${words} · ${about(left.reduce((sum, s) => sum + s, 0))}`;
}

const secondsLeft = (job) => (job.state === "running" ? job.eta_s : job.forecast_s);

export function title({ request }) {
  return request.prompt.trim() || "Without words";
}
