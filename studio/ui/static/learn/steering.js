// Steering: strength, a mask in latents, and what a ControlNet adds.

import { make } from "../shared/dom.js";
import { asking, picked } from "./asking.js";
import { allLoaded, draw, drawGrays, unpacked } from "./sheets.js";

const STILL = ["picture", "mask", "inpainted", "map", "led", "unled"];
const MOVING = ["begun", "drawn"];

export function steering(article) {
  const find = (of) => article.querySelector(of);
  const slider = find("[name=strength]");
  let shown = null;

  const ask = asking(
    article,
    async (answer) => {
      shown = { ...answer, ...(await allLoaded(answer, [...STILL, ...MOVING])) };
      find(".scene-told").textContent = answer.caption ? `The scene: ${answer.caption}.` : "";
      for (const name of STILL) draw(find(`[data-shows=${name}]`), shown[name], 0);
      const cells = unpacked(answer.cells);
      drawGrays(find("[data-shows=cells]"), cells.values, cells.shape, 0, 1);
      find(".outside").textContent =
        answer.outside === 0
          ? "Outside the mask not one number of the latents is other than before."
          : `Outside the mask no number of the latents changed by more than ${answer.outside.toExponential(0)}.`;
      find(".levels").replaceChildren(...answer.levels.map(level));
      slider.max = answer.strengths.length - 1;
      show();
    },
    () => picked(find("[name=picture]")),
  );

  function show() {
    const place = Number(slider.value);
    for (const name of MOVING) draw(find(`[data-shows=${name}]`), shown[name], place);
    const words = `Strength ${shown.strengths[place]}: begins at timestep ${shown.timesteps[place]}`;
    find(".now").textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }

  slider.addEventListener("input", () => shown && show());
  return ask;
}

function level({ channels, mean, size }, number, all) {
  const { shape, values } = unpacked(size);
  const name = number === all.length - 1 ? "middle" : `level ${number + 1}`;
  const words = `${name}: ${shape[1]} × ${shape[0]}, ${channels} channels, mean ${mean.toFixed(3)}`;
  const canvas = /** @type {HTMLCanvasElement} */ (
    make("canvas", { className: "cells", role: "img", "aria-label": words })
  );
  drawGrays(canvas, values, shape, 0, Math.max(...values));
  return make("figure", {}, canvas, make("figcaption", {}, words));
}
