// The curves of a training's losses.

import { smooth } from "./words.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 44;
const BELOW = 22;

function part(tag, set, text = "") {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(set)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** Draw the losses into `figure`: those of learning, smoothed and as they are, and of validation. */
export function drawChart(figure, { losses, validation_losses: tested, steps }) {
  figure.hidden = losses.length < 2;
  if (figure.hidden) return;
  const smoothed = smooth(losses);
  // A single step may be far off; the curves are what is looked at.
  const values = [...smoothed, ...tested].map(([, loss]) => loss);
  const most = Math.max(...values) * 1.15 || 1;
  const x = (step) => LEFT + (step / steps) * (WIDTH - LEFT - 8);
  const y = (loss) => 8 + (1 - Math.min(1, loss / most)) * (HEIGHT - BELOW - 8);
  const line = (points, name) =>
    part("polyline", {
      class: name,
      points: points.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
    });
  const marks = [0, 0.5, 1].flatMap((share) => [
    part("line", {
      class: "rule",
      x1: LEFT,
      x2: WIDTH - 8,
      y1: y(share * most),
      y2: y(share * most),
    }),
    part("text", { x: LEFT - 6, y: y(share * most) + 4, class: "end" }, (share * most).toFixed(3)),
  ]);
  const ends = [
    part("text", { x: LEFT, y: HEIGHT - 4 }, "step 0"),
    part("text", { x: WIDTH - 8, y: HEIGHT - 4, class: "end" }, String(steps)),
  ];
  const dots = tested.map(([step, loss]) =>
    part("circle", { class: "tested", cx: x(step), cy: y(loss), r: 3 }),
  );
  const curves = [line(losses, "raw"), line(smoothed, "learnt"), line(tested, "tested")];
  figure.querySelector("svg").replaceChildren(...marks, ...ends, ...curves, ...dots);
  const caption = figure.querySelector("figcaption");
  const last = smoothed.at(-1)[1].toFixed(4);
  const of = tested.length
    ? ` Dotted: on the validation, last ${tested.at(-1)[1].toFixed(4)}.`
    : "";
  caption.textContent = `Loss of each step, and smoothed: ${last} now.${of}`;
}
