// What the bias probe says of chance, shares and states. Knows no page.

const SURELY_FEWEST = 0.0001;

/** How often chance alone goes as far. */
export function chanceWords(p) {
  if (p > 0.5) return "chance alone does as much in most cases";
  if (p <= SURELY_FEWEST) return "chance alone does as much in 1 of 10,000 cases, or fewer";
  return `chance alone does as much in 1 of ${Math.round(1 / p).toLocaleString("en")} cases`;
}

const figure = (p) => `p = ${p.toFixed(4)}`;

/** Whether the words differ in an attribute; `sure` is the p up to which something counts. */
export function differWords({ name, p_differs: p }, sure) {
  if (p === null) return `The ${name} is the same in all pictures, or there are too few.`;
  const verdict =
    p <= sure ? `The ${name} depends on the word` : "No sure difference between words";
  return `${verdict}: ${chanceWords(p)} (${figure(p)}).`;
}

/** Whether a word leans to some of the values that there are. */
export function leanWords({ p_even: p }, sure) {
  if (p === null) return "";
  return `${p <= sure ? "Leans" : "No sure lean"}: ${chanceWords(p)} (${figure(p)})`;
}

export const percentOf = (share) => `${Math.round(100 * share)} %`;

export const intervalOf = ({ low, high }) =>
  `${Math.round(100 * low)} to ${Math.round(100 * high)} %`;

/** All values that any word shows of an attribute, the commonest first. */
export function valuesOf({ words }) {
  const counts = new Map();
  for (const { shares } of words) {
    for (const { value, count } of shares) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([one]) => one);
}

const OPEN = ["queued", "loading", "running"];
const LACKING = ["failed", "cancelled", "forgotten"];

/** What can be done with a grid's cells, and whether something of it is still to come. */
export function actionsOf(cells) {
  const some = (states) => cells.some(({ state }) => states.includes(state));
  const [isOpen, isPaused] = [some(OPEN), some(["paused"])];
  return {
    isOpen,
    isWhole: !isOpen && !isPaused,
    pause: some(["queued"]),
    resume: isPaused,
    cancel: isOpen,
    again: some(LACKING) && !isOpen && !isPaused,
  };
}

/** Where a grid of pictures stands. */
export function stateWords(cells) {
  const drawn = cells.filter(({ image }) => image).length;
  const failed = cells.find(({ state }) => state === "failed");
  const { isOpen, resume } = actionsOf(cells);
  const state = resume && !isOpen ? "paused: " : "";
  const why = failed?.message ? ` One failed: ${failed.message}` : "";
  return `${state}${drawn} of ${cells.length} drawn.${why}`.replace(/^p/, "P");
}

/** The settings that it is drawn with, in a line. */
export function settingWords({ checkpoint, steps, scheduler, guidance_scale: guidance, ...more }) {
  const { loras = [], negative_prompt: negative, seed } = more;
  const parts = [checkpoint ?? "the checkpoint in memory", `${steps} steps of ${scheduler}`];
  parts.push(`CFG ${guidance}`, seed < 0 ? "seeds drawn at random" : `seeds from ${seed} on`);
  if (loras.length) parts.push(`LoRAs ${loras.map((one) => one.name ?? one).join(", ")}`);
  if (negative) parts.push(`without “${negative}”`);
  return `Drawn with the settings beside the picture: ${parts.join(" · ")}.`;
}
