// What a press on Generate takes, beside it: seconds and waiting, and what would fit where it does
// not. Asked for once the hand rests, never while one types.

import { onSource, sourceOf } from "../canvas/sources.js";
import { onUnits } from "../control/units.js";
import { acting } from "../detail/list.js";
import { asked, onChange } from "../settings/form.js";
import { ask, send } from "../shared/server.js";
import { onStatus, queued } from "../shared/status.js";
import { isEditing, onTask, task } from "../shared/task.js";
import { list } from "./queue_jobs.js";
import { blockWords, hasEnded, pressWords } from "./queue_words.js";
import { batchesWanted, onBatches } from "./repeat.js";

const REST_MS = 400;
const LONG_S = 60;
const ALL = 300;
const WORDS = ["prompt", "negative_prompt"]; // hardly change how long it takes

let latest = null;

/** The words beside Generate. */
export function forecast(element, session) {
  const why = document.querySelector(".forecast-why");
  let timer = 0;
  let asking = new AbortController();
  let count = 0;
  const show = (foretold) => {
    latest = foretold;
    element.textContent = foretold?.fits === false ? "Does not fit" : pressWords(ofAll(foretold));
    element.classList.toggle("bad", foretold?.fits === false);
    why.textContent = foretold?.why ?? "";
  };
  const look = async () => {
    asking.abort();
    asking = new AbortController();
    const request = asWouldBeSent();
    const given = { method: "POST", json: request, signal: asking.signal };
    if (!request || document.hidden) return;
    try {
      show(await (await ask("studio/v1/forecast", given)).json());
    } catch (error) {
      if (error.name !== "AbortError") show(null); // what is wrong is said at the press
    }
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, REST_MS);
  };
  onChange((name) => !WORDS.includes(name) && soon());
  onTask(soon);
  onSource(soon);
  onUnits(soon);
  onBatches(soon);
  session.ends.on(soon);
  onStatus(() => {
    const now = queued()?.count ?? 0;
    if (now !== count) soon();
    count = now;
  });
  soon();
}

/** What is foretold of a batch, for as many as a press draws. */
function ofAll(foretold) {
  const { seconds } = foretold ?? {};
  return { ...foretold, seconds: seconds ? seconds * batchesWanted() : seconds };
}

/** The present settings as a request, as far as its length is concerned: a mask that is not
 * uploaded yet has the size of its picture. Null without a picture, while an outpaint has nowhere to
 * go, or without what is to find details in it. */
function asWouldBeSent() {
  const request = asked();
  if (!isEditing()) return request;
  const kind = task();
  const source = sourceOf(kind);
  if (!source || (kind === "details" && acting().length === 0)) return null;
  const { image, frame, mask } = source;
  if (frame && Object.values(frame).every((side) => side === 0)) return null;
  const part = { ...request.task, image, ...frame };
  if (kind === "inpaint") part.mask = mask?.ref ?? image;
  return { ...request, task: part };
}

/** May `request` be sent? Where it would keep others waiting for more than a minute, whoever sends
 * it is asked. What is short costs no question to the studio either. */
export async function agreed(request) {
  if (!isLong(latest)) return true;
  const foretold = await send("POST", "studio/v1/forecast", request).catch(() => null);
  if (!isLong(foretold)) return true;
  const others = await othersWaiting();
  return others === 0 || question(blockWords(request, foretold.seconds, others));
}

const isLong = (foretold) => (foretold?.seconds ?? 0) > LONG_S;

async function othersWaiting() {
  const open = async (mine) => {
    const { jobs } = await list({ limit: ALL, mine });
    return jobs.filter((job) => !hasEnded(job)).length;
  };
  const [all, own] = await Promise.all([open(false), open(true)]).catch(() => [0, 0]);
  return all - own;
}

const LONG = { title: "A long picture", yes: "Draw it", no: "Not now" };

/** True for yes, which is to draw it. */
export function question(words, { title, yes, no } = LONG) {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("dialog.long"));
  dialog.setAttribute("aria-label", title);
  dialog.querySelector("p").textContent = words;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.querySelector("[value=no]").textContent = no;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}
