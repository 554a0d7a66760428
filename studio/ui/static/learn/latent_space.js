// The latent space: there and back, and walks whose pictures came with one answer.

import { asking, picked } from "./asking.js";
import { allLoaded, draw } from "./sheets.js";

const STILL = ["there", "back", "differences", "straight"];
const MOVING = ["mixed", "walked", "seeds"];

export function latentSpace(article) {
  const find = (of) => article.querySelector(of);
  const slider = find("[name=way]");
  let shown = null;

  const ask = asking(
    article,
    async (answer) => {
      shown = { ...answer, ...(await allLoaded(answer, [...STILL, ...MOVING])) };
      const times = Math.round(answer.pixels / answer.latents);
      const what = answer.caption ? `The scene: ${answer.caption}. ` : "";
      find(".scene-told").textContent =
        `${what}${answer.pixels} numbers as pixels, ${answer.latents} as latents: ${times} times ` +
        `fewer. Likeness after there and back: ${answer.psnr_db.toFixed(1)} dB.`;
      const [arc, line] = answer.spreads;
      find(".spreads").textContent =
        `Half way between the seeds the noise has a spread of ${arc.toFixed(2)} on the arc and ` +
        `${line.toFixed(2)} on the straight line; the model expects 1.`;
      for (const name of STILL) draw(find(`[data-shows=${name}]`), shown[name], 0);
      show();
    },
    () => picked(find("[name=picture]")),
  );

  function show() {
    const place = Number(slider.value);
    for (const name of MOVING) draw(find(`[data-shows=${name}]`), shown[name], place);
    const words = `${Math.round(shown.shares[place] * 100)} % of the way`;
    find(".now").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }

  slider.addEventListener("input", () => shown && show());
  return ask;
}
