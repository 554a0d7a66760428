// Noise in: a slider over the timesteps of the training, all of whose pictures came with one answer.

import { asking, picked } from "./asking.js";
import { lines } from "./charts.js";
import { allLoaded, draw } from "./sheets.js";

export function noiseIn(article) {
  const find = (of) => article.querySelector(of);
  const slider = find("[name=t]");
  const file = find("[name=picture]");
  let shown = null;
  let curve = null;

  const ask = asking(
    article,
    async (answer) => {
      shown = { ...answer, ...(await allLoaded(answer, ["closed", "walked"])) };
      slider.max = answer.timesteps.length - 1;
      find(".scene-told").textContent = answer.caption
        ? `The scene: ${answer.caption}.`
        : "Your picture, cut to the size of the model.";
      const levels = answer.alphas_cumprod;
      curve = lines(
        [
          { values: levels.map(Math.sqrt), kind: "signal" },
          { values: levels.map((level) => Math.sqrt(1 - level)), kind: "noise" },
        ],
        { label: "The schedule", left: "t = 0", right: `t = ${levels.length - 1}` },
      );
      find(".curve").replaceChildren(curve.svg);
      show();
    },
    () => picked(file),
  );

  function show() {
    const place = Number(slider.value);
    const t = shown.timesteps[place];
    const level = shown.alphas_cumprod[t];
    draw(find("[data-shows=closed]"), shown.closed, place);
    draw(find("[data-shows=walked]"), shown.walked, place);
    curve.mark(t / (shown.alphas_cumprod.length - 1));
    const [signal, noise] = [Math.sqrt(level), Math.sqrt(1 - level)];
    slider.setAttribute("aria-valuetext", `t = ${t}`);
    find(".now").textContent =
      `t = ${t}: ᾱ = ${level.toFixed(4)}, so ${signal.toFixed(3)} × picture + ` +
      `${noise.toFixed(3)} × noise`;
    const [mean, spread] = shown.gathered[place];
    find(".agree").textContent =
      `If the noise of all ${t + 1} small steps is gathered and put in at once, by the formula, no ` +
      `number comes out more than ${shown.apart[place].toFixed(7)} away from the walk. The gathered ` +
      `noise has mean ${mean.toFixed(3)} and spread ${spread.toFixed(3)}.`;
  }

  slider.addEventListener("input", () => shown && show());
  return ask;
}
