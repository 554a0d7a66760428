// One picture in the library's grid.

import { address } from "../shared/data.js";
import { icon, make } from "../shared/dom.js";
import { carry } from "../shared/pictures.js";
import { timeWords } from "./days.js";

const SHARP_PX = 288; // up to which a thumbnail of 256 pixels does

/** What is read out of it. */
const nameOf = (one) =>
  [
    one.prompt ? one.prompt.slice(0, 160) : "Without a prompt",
    one.starred ? "starred" : "",
    timeWords(one.created),
  ]
    .filter(Boolean)
    .join(", ");

/** Its element; `update` sets what changes. The picture itself is loaded by `load`. */
export function tileOf(one) {
  const image = make("img", { alt: "", decoding: "async", draggable: false });
  image.addEventListener("error", () => image.classList.add("lost"));
  const star = make(
    "button",
    { type: "button", className: "tile-star", tabIndex: -1, "data-do": "star" },
    icon("star"),
  );
  const marks = make("span", { className: "tile-marks", "aria-hidden": "true" });
  const tile = make(
    "div",
    { role: "gridcell", className: "picture", draggable: true, "data-id": one.id },
    image,
    star,
    marks,
  );
  tile.addEventListener("dragstart", (event) => {
    carry(event.dataTransfer, one);
    event.dataTransfer.setDragImage(image, image.width / 2, image.height / 2);
  });
  update(tile, one);
  return tile;
}

export function update(tile, one) {
  if (tile.shown === one) return;
  tile.shown = one;
  tile.setAttribute("aria-label", nameOf(one));
  tile.title = one.prompt.slice(0, 300);
  tile.classList.toggle("starred", one.starred);
  const star = tile.querySelector(".tile-star");
  star.setAttribute("aria-label", one.starred ? "Take the star away" : "Star");
  star.setAttribute("aria-pressed", String(one.starred));
  const marks = [];
  if (one.note) marks.push(icon("note"));
  if (one.boards.length) marks.push(icon("board"));
  tile.querySelector(".tile-marks").replaceChildren(...marks);
}

/** Load it, as large as `height` (CSS pixels) needs. */
export function load(tile, height) {
  const image = tile.firstElementChild;
  const side = height * devicePixelRatio > SHARP_PX ? 512 : 256;
  if (!image.src) image.src = address(`${tile.shown.thumbnail_url}?side=${side}`);
}

/** It leaves the page: what is still on its way is not wanted any more. */
export function unload(tile) {
  const image = tile.firstElementChild;
  if (!image.complete) image.removeAttribute("src");
}
