// What is said of a training, and what can be done with it. Knows no page.

import { duration } from "../shared/words.js";

const STATES = {
  queued: "Waits for its turn",
  running: "Learning",
  paused: "Paused",
  finished: "Finished",
  failed: "Failed",
  cancelled: "Cancelled",
};

const WISHES = { pause: "Pausing after this step", stop: "Ending after this step" };

/** Where a training stands, in a line. */
export function stateWords(training) {
  const { state, wish, step, steps, preparing, done, total } = training;
  const stands = training.waits_until ? `Waits until ${training.waits_until}` : STATES[state];
  if (state === "failed") return `Failed at step ${step}`;
  if (state === "running" && step === 0 && preparing)
    return `${preparing === "prior pictures" ? "Drawing" : "Reading"} ${preparing}: ${done}/${total}`;
  const at = step || state === "running" ? `step ${step}/${steps}` : "";
  const loss = training.loss ? `loss ${training.loss.toFixed(4)}` : "";
  const tested = training.validation_loss
    ? `validation ${training.validation_loss.toFixed(4)}`
    : "";
  const left =
    state === "running" && training.seconds_left ? `${duration(training.seconds_left)} left` : "";
  const memory = training.memory_bytes ? `${(training.memory_bytes / 2 ** 30).toFixed(1)} GiB` : "";
  const made =
    state === "finished" && training.result ? `${training.result} is in the catalog` : "";
  return [WISHES[wish] ?? stands, made, at, loss, tested, left, memory].filter(Boolean).join(" · ");
}

/** What can be done with a training in that state. */
export function actionsOf({ state, wish, step, result, order, waits_until }) {
  const isOpen = state === "queued" || state === "running";
  return {
    pause: isOpen && !wish,
    resume: state === "paused" || state === "failed",
    now: Boolean(waits_until),
    stop: (isOpen || state === "paused") && step > 0 && wish !== "stop",
    try: Boolean(result),
    compare: Boolean(result) && order.training.kind === "lora",
    delete: true,
  };
}
