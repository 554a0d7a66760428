// The top bar's right end: is the checkpoint ready, where does it compute, who waits.

import { data } from "./data.js";
import { health } from "./server.js";
import { percent } from "./words.js";

const CALM_MS = 10000;
const BUSY_MS = 1500;

let latest = data.status;

export const engineState = () => latest?.state;

/** Names of the checkpoints in memory, which draw at once. */
export const warmNames = () => latest?.warm ?? (latest?.state === "warm" ? [latest.checkpoint] : []);

const WORDS = { starting: "starting", loading: "loading", warm: "ready", failed: "failed" };

export function statusBar(element) {
  const parts = {
    state: element.querySelector(".state"),
    words: element.querySelector(".state span"),
    device: element.querySelector(".device"),
    queue: element.querySelector(".queue"),
  };
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const now = await health();
    latest = now;
    show(parts, now);
    dispatchEvent(new Event("studio-status"));
    const calm = now && !now.queue && !["starting", "loading"].includes(now.state);
    timer = setTimeout(look, calm ? CALM_MS : BUSY_MS);
  };
  show(parts, data.status);
  document.addEventListener("visibilitychange", look);
  addEventListener("studio-busy", look);
  timer = setTimeout(look, BUSY_MS);
}

function show(parts, now) {
  const state = now ? now.state : "lost";
  parts.state.dataset.state = state;
  parts.state.title = now?.message ?? "";
  parts.words.textContent = now ? stateWords(now) : "no connection";
  document.body.classList.toggle("lost", !now);
  if (!now) return;
  const where = [now.device, now.dtype].filter((word) => word && word !== "auto");
  parts.device.textContent = where.join(" · ");
  parts.queue.textContent = now.queue ? `${now.queue} in the queue` : "";
}

function stateWords({ state, fraction }) {
  const share = state === "loading" && fraction ? ` ${percent(fraction)}` : "";
  return `${WORDS[state] ?? "ready"}${share}`;
}
