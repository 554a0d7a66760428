// Which models there are, as the server last said, and what can be asked of it about them.

import { data } from "./data.js";
import { ask, send } from "./server.js";
import { signal } from "./signals.js";

const POLL_MS = 2000;
/** What the server last said; null until it did. */
const known = signal(null);

let tag = "";
let looking = null;

/** All of a kind; of every kind without one. Empty until the first answer. */
export const models = (kind) => {
  const all = known.value?.models ?? [];
  return kind ? all.filter((one) => one.kind === kind) : all;
};
export const broken = () => known.value?.broken ?? [];
export const duplicates = () => known.value?.duplicates ?? [];
export const isKnown = () => known.value !== null;
export const modelNamed = (kind, name) =>
  models().find((one) => one.kind === kind && one.name === name);

/** Call `listener()` whenever the list changed. */
export const onModels = known.on;

/** Ask for the list; the answer is empty and cheap where nothing changed. True if it did. */
export function look() {
  looking ??= fetched().finally(() => {
    looking = null;
  });
  return looking;
}

async function fetched() {
  const headers = tag ? { "If-None-Match": tag } : {};
  const answer = await ask("studio/v1/models", { headers }).catch(() => null);
  if (!answer?.ok) return false;
  take(await answer.json());
  tag = answer.headers.get("ETag") ?? "";
  return true;
}

function take(body) {
  const checkpoints = body.models.filter((one) => one.kind === "checkpoint");
  if (checkpoints.length) data.checkpoints.splice(0, Infinity, ...checkpoints);
  known.value = body;
}

/** Look again and again while `wanted()`. */
export function watchModels(wanted) {
  const turn = async () => {
    if (wanted() && !document.hidden) await look();
  };
  setInterval(turn, POLL_MS);
  document.addEventListener("visibilitychange", turn);
}

const place = ({ kind, name }) => `studio/v1/models/${kind}/${encodeURIComponent(name)}`;

/** Notes, defaults of its own or the prediction type of a model. */
export async function change(model, fields) {
  await send("PATCH", place(model), fields);
  await look();
}

/** Into the trash; the answer's `id` brings it back. */
export async function discard(model) {
  const thrown = await send("DELETE", place(model));
  await look();
  return thrown;
}

export async function bringBack(id) {
  await send("POST", `studio/v1/models/trash/${encodeURIComponent(id)}/restore`);
  await look();
}

export async function refresh() {
  await send("POST", "studio/v1/models/refresh");
  await look();
}
