// The top bar's right end: is the checkpoint ready, where does it compute, who waits.

import { data } from "./data.js";
import { health } from "./server.js";
import { signal, whenever } from "./signals.js";
import { percent } from "./words.js";

const CALM_MS = 10000;
const BUSY_MS = 1500;

const IN_EIGHT_BITS =
  "The U-Net is kept in eight bits (--memory-mode fp8): other pictures, of about 30 dB PSNR to those in full.";
const LOST = "No connection to the studio. The page goes on as soon as it answers.";

const status = signal(data.status);

/** What is wrong with the studio as a whole, in words; "" where all is well. */
export const troubles = signal("");
let timer = 0;

export const engineState = () => status.value?.state;

/** Call `listener()` when the server said how it is, or nothing. */
export const onStatus = status.on;

/** {count, isPaused}: how many jobs wait or run, and whether no more are begun; null while nobody
 * answers. */
export const queued = () =>
  status.value && { count: status.value.queue, isPaused: status.value.paused };

/** The login that this page is used with; null for a guest. */
export const account = () => status.value?.account ?? null;

/** The filter's score from which pictures are blurred for whoever looks; null: none are. */
export const blursFrom = () => status.value?.blurs_from ?? null;

/** Names of the checkpoints in memory, which draw at once. */
export const warmNames = () =>
  status.value?.warm ?? (engineState() === "warm" ? [status.value.checkpoint] : []);

const WORDS = { starting: "starting", loading: "loading", warm: "ready", failed: "failed" };

export function statusBar(element) {
  const parts = {
    state: element.querySelector(".state"),
    words: element.querySelector(".state span"),
    device: element.querySelector(".device"),
    queue: element.querySelector(".queue"),
  };
  whenever([status], () => show(parts, status.value));
  document.addEventListener("visibilitychange", lookAtStatus);
  timer = setTimeout(lookAtStatus, BUSY_MS);
}

/** Ask now, and from then on more often while something happens. */
export async function lookAtStatus() {
  clearTimeout(timer);
  if (document.hidden) return;
  const now = await health();
  status.value = now;
  const calm = now && !now.queue && !["starting", "loading"].includes(now.state);
  clearTimeout(timer);
  timer = setTimeout(lookAtStatus, calm ? CALM_MS : BUSY_MS);
}

function show(parts, now) {
  const state = now ? now.state : "lost";
  parts.state.dataset.state = state;
  const where = [now?.device, now?.dtype].filter((word) => word && word !== "auto").join(" · ");
  const told = now?.dtype?.includes("fp8") ? `${where}. ${IN_EIGHT_BITS}` : where;
  parts.state.title = now?.message || told; // the only place for it where the tabs need the room
  parts.words.textContent = now ? stateWords(now) : "no connection";
  document.body.classList.toggle("lost", !now);
  troubles.value = now ? (now.disk ?? "") : LOST;
  if (!now) return;
  parts.device.textContent = where;
  parts.device.title = told;
  parts.queue.querySelector(".queue-label").textContent = queueWords(now);
  parts.queue.querySelector(".queue-count").textContent = now.queue || now.trainings || "";
  parts.queue.classList.toggle("paused", now.paused);
}

function queueWords({ queue, trainings, paused }) {
  const learns = trainings === 1 ? "1 training" : `${trainings} trainings`;
  const words = queue ? `${queue} in the queue` : trainings ? learns : "Queue";
  return paused ? `${words}, paused` : words;
}

function stateWords({ state, fraction }) {
  const share = state === "loading" && fraction ? ` ${percent(fraction)}` : "";
  return `${WORDS[state] ?? "ready"}${share}`;
}
