// What finds things in pictures: the detectors as the server knows them, and weights on their way here.

import { get, send } from "./server.js";
import { signal } from "./signals.js";

const PATH = "studio/v1/detectors";
const POLL_MS = 400;
const known = signal(null);
let looking = null;
let timer = 0;

/** Call `listener()` whenever more is known of the detectors. */
export const onDetectors = known.on;

/** All of them, in the order of menus; empty until the first answer. */
export const detectors = () => known.value ?? [];
export const areKnown = () => known.value !== null;
export const detectorNamed = (name) => detectors().find((one) => one.name === name);

/** Ask the server, again and again while something is downloaded. True if it told something new. */
export function look() {
  looking ??= fetched().finally(() => {
    looking = null;
  });
  return looking;
}

async function fetched() {
  const answer = await get(PATH).catch(() => null);
  if (!answer) return false;
  const isNews = JSON.stringify(answer.detectors) !== JSON.stringify(known.value);
  if (isNews) known.value = answer.detectors;
  clearTimeout(timer);
  if (detectors().some(isComing)) timer = setTimeout(look, POLL_MS);
  return isNews;
}

/** Is what it needs on its way? */
export const isComing = (one) => Boolean(one.downloading && !one.downloading.error);

export async function download(name) {
  await send("POST", `${PATH}/${encodeURIComponent(name)}/download`);
  await look();
}
