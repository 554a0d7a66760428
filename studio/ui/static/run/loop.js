// Rounds: each result becomes the next picture, with the settings of the first.

import { send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";
import { isForMany, task } from "../shared/task.js";
import { consented } from "./consent.js";

const MOST = 100;

const rounds = signal(read("rounds", 1));

/** How many rounds the next click on Generate makes in the present tab. */
export const roundsWanted = () => (isForMany(task()) ? rounds.value : 1);

/** Call `listener()` when it is another number. */
export const onRounds = rounds.on;

export function setRounds(wanted) {
  rounds.value = Math.min(MOST, Math.max(1, Math.round(wanted) || 1));
  write("rounds", rounds.value);
}

/** The box that says how many. */
export function loop(element, session) {
  const box = element.querySelector("input");
  const show = () => {
    box.value = rounds.value;
  };
  box.addEventListener("change", () => {
    setRounds(Number(box.value));
    show();
  });
  onRounds(show);
  show();
  goOn(session);
}

/** After each round of `session` the next, until there are enough. */
function goOn(session) {
  let going = null; // {settings, result, round, total, job}
  session.sent.on(({ ids, request: settings }) => {
    const job = ids.at(-1);
    const total = roundsWanted();
    if (total === 1) return;
    going = {
      settings,
      result: session.results.get(job),
      round: 1,
      total,
      job,
    };
  });
  session.ends.on(async ({ id: job, state, pictures }) => {
    if (going?.job !== job) return;
    const one = going;
    going = null;
    if (state.state !== "finished" || !pictures.length || one.round === one.total) return;
    try {
      const task = nextOf(one.settings.task, pictures[0]);
      const request = { ...one.settings, task };
      const { id } = await consented(request, () => send("POST", "studio/v1/jobs", request));
      going = { ...one, round: one.round + 1, job: id };
      session.take(id, one.result);
      session.viewer.say(`Round ${going.round} of ${one.total}`);
    } catch (error) {
      session.viewer.say(`Round ${one.round + 1} could not begin: ${error.message}`);
    }
  });
}

/** The same task on what came of it, which has its sketch in it. What is on the canvases stays: others
 * may be worked on there. */
function nextOf({ sketch: _, ...task }, { id }) {
  const stretched = "mask" in task ? { resize_mask: true } : {};
  return { ...task, ...stretched, image: `picture:${id}` };
}
