// What an empty canvas offers: the last result, and the pictures before it.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { carry } from "../shared/pictures.js";
import { results } from "../shared/results.js";
import { whenever } from "../shared/signals.js";

const MOST = 5;

const asSource = ({ id, url, width, height }) => ({ ref: `picture:${id}`, url, width, height });

/** As `put` takes it; there must be one. */
export const lastResult = () => asSource(results.value[0]);

/** Tiles in the canvas `root`; `take` is called with the picture that was clicked. */
export function recent(root, take) {
  const place = root.querySelector(".canvas-recent");
  const last = root.querySelector("[data-do=picture-last]");
  let drawn = null;
  whenever([results], () => {
    const newest = results.value.slice(0, MOST);
    const key = newest.map(({ id }) => id).join();
    if (key === drawn) return;
    drawn = key;
    last.hidden = newest.length === 0;
    place.replaceChildren(...newest.map((one) => tile(one, take)));
  });
}

function tile(one, take) {
  const src = address(`${one.url}/thumbnail?side=256`);
  const image = make("img", { src, alt: "", loading: "lazy", draggable: false });
  image.addEventListener("error", () => image.remove());
  const words = one.prompt.slice(0, 200);
  return make(
    "button",
    {
      "type": "button",
      "title": words,
      "draggable": true,
      "aria-label": `Take this picture: ${words || "without a prompt"}`,
      "onclick": () => take(asSource(one)),
      "ondragstart": (event) => carry(event.dataTransfer, one),
    },
    image,
  );
}
