// Noise out: the steps of one drawing, which came with one answer.

import { make } from "../shared/dom.js";
import { asking } from "./asking.js";
import { allLoaded, draw, drawGrays, part, unpacked } from "./sheets.js";

const SHEETS = ["estimates", "unguided", "differences"];

export function noiseOut(article) {
  const find = (of) => article.querySelector(of);
  const slider = find("[name=step]");
  const next = find("[data-action=next]");
  const cell = ["channel", "row", "column"].map((name) => find(`[name=${name}]`));
  let shown = null;

  const ask = asking(article, async (answer) => {
    const arrays = ["latents", "negative", "positive"].map((name) => [
      name,
      unpacked(answer[name]),
    ]);
    const sheets = await allLoaded(answer, [...SHEETS, "picture"]);
    shown = { ...answer, ...sheets, ...Object.fromEntries(arrays) };
    const [, channels, height, width] = shown.latents.shape;
    [channels, height, width].forEach((size, place) => {
      cell[place].max = size - 1;
      cell[place].value = Math.min(Number(cell[place].value), size - 1);
    });
    for (const kind of ["latents", "noise"]) {
      const canvases = Array.from({ length: channels }, (_, number) => mapFigure(kind, number));
      find(`.maps[data-shows=${kind}]`).replaceChildren(...canvases);
    }
    slider.max = answer.timesteps.length - 1;
    slider.value = Math.min(Number(slider.value), Number(slider.max));
    draw(find("[data-shows=picture]"), shown.picture, 0);
    show();
  });

  function show() {
    const step = Number(slider.value);
    const [, , height, width] = shown.latents.shape;
    const noise = guided(step);
    for (const [kind, values] of [
      ["latents", part(shown.latents, step)],
      ["noise", noise],
    ]) {
      find(`.maps[data-shows=${kind}]`)
        .querySelectorAll("canvas")
        .forEach((canvas, number) => {
          const size = height * width;
          const own = values.subarray(number * size, (number + 1) * size);
          drawGrays(canvas, own, [height, width], -3, 3);
        });
    }
    for (const name of SHEETS) draw(find(`[data-shows=${name}]`), shown[name], step);
    next.disabled = step === Number(slider.max);
    const words = `Step ${step + 1} of ${shown.timesteps.length}, timestep ${shown.timesteps[step]}`;
    slider.setAttribute("aria-valuetext", words);
    find(".now").textContent = words;
    byHand(step, noise);
  }

  /** ε of a step: ε₋ + s (ε₊ − ε₋). */
  function guided(step) {
    const negative = part(shown.negative, step);
    const positive = part(shown.positive, step);
    const scale = shown.guidance_scale;
    return negative.map((low, place) => low + scale * (positive[place] - low));
  }

  function byHand(step, noise) {
    const [, channels, height, width] = shown.latents.shape;
    const at = cell.map((one, place) => {
      const most = [channels, height, width][place] - 1;
      return Math.min(Math.max(0, Math.trunc(Number(one.value)) || 0), most);
    });
    const place = (at[0] * height + at[1]) * width + at[2];
    const z = part(shown.latents, step)[place];
    const [level, after] = shown.alphas_cumprod.slice(step, step + 2);
    const clean = (z - Math.sqrt(1 - level) * noise[place]) / Math.sqrt(level);
    const led = Math.sqrt(after) * clean + Math.sqrt(1 - after) * noise[place];
    const there = part(shown.latents, step + 1)[place];
    const rows = [
      ["z, what there is", z],
      ["ε₋, noise under the negative prompt", part(shown.negative, step)[place]],
      ["ε₊, noise under the prompt", part(shown.positive, step)[place]],
      [`ε = ε₋ + ${shown.guidance_scale} (ε₊ − ε₋)`, noise[place]],
      [`√ᾱ and √(1−ᾱ) at t = ${shown.timesteps[step]}`, Math.sqrt(level), Math.sqrt(1 - level)],
      ["ẑ₀ = (z − √(1−ᾱ) ε) / √ᾱ", clean],
      ["√ᾱ and √(1−ᾱ) of the next", Math.sqrt(after), Math.sqrt(1 - after)],
      ["next z = √ᾱ ẑ₀ + √(1−ᾱ) ε", led],
      ["the studio's next z", there],
    ];
    find(".by-hand tbody").replaceChildren(
      ...rows.map(([name, ...values]) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, name),
          make("td", {}, values.map((value) => value.toFixed(4)).join(" and ")),
        ),
      ),
    );
  }

  slider.addEventListener("input", () => shown && show());
  for (const one of cell) one.addEventListener("input", () => shown && show());
  next.addEventListener("click", () => {
    slider.value = Number(slider.value) + 1;
    show();
  });
  return ask;
}

function mapFigure(kind, number) {
  const words = kind === "latents" ? "Latents" : "Noise";
  const label = `${words}, channel ${number}`;
  return make(
    "figure",
    {},
    make("canvas", { className: "cells", role: "img", "aria-label": label }),
    make("figcaption", {}, label),
  );
}
