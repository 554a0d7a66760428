// What the status line says.

const seconds = (s) => (s < 9.95 ? `${s.toFixed(1)} s` : `${Math.round(s)} s`);

export function duration(s) {
  if (s < 99.5) return seconds(s);
  return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** `engine` is the state of the engine, which takes a while to start. */
export function waitingWords(position, engine) {
  if (position) return `${position} before you`;
  if (engine === "starting") return "Next, as soon as the studio has started";
  if (engine === "loading") return "Next, as soon as the model is loaded";
  return "Next in line";
}

export function runningWords({ step = 0, total, eta_s: eta }) {
  if (!total) return "Starting";
  const left = eta === undefined || eta === null ? "" : ` · ${duration(eta)} left`;
  return `Step ${step}/${total}${left}`;
}

export function loadingWords({ stage, fraction }) {
  const share = fraction ? ` · ${percent(fraction)}` : "";
  return `Loading ${stage || "the model"}${share}`;
}

/** Seed and settings of one picture. */
export function facts({ seed, request }) {
  return [
    `Seed ${seed}`,
    `${request.width} × ${request.height}`,
    request.scheduler,
    `${request.steps} steps`,
    `CFG ${request.guidance_scale}`,
  ].join(" · ");
}
