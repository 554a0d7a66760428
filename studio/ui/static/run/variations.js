// The dialog that asks for variations of a picture: others like it, as one contact sheet.

import { send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { isDrawn } from "../shared/words.js";
import { foretelling } from "./foretelling.js";
import { openGrid } from "./grid_view.js";

const STRENGTHS = { noise: 0.2, denoising: 0.5 };
const HINTS = {
  noise: "Sisters by its own settings: 0.1 is a small step, 1 another picture.",
  denoising: "Begins with the picture itself: how much of it may change.",
};

let dialog = null;
let varied = null; // the picture that it is about
const forecast = foretelling(() => ({ path: path("/forecast"), json: wanted() }), say);
const strengths = read("variations", STRENGTHS);

const form = () => dialog.querySelector("form").elements;
const path = (rest = "") => `studio/v1/images/${encodeURIComponent(varied.id)}/variations${rest}`;

export function variations(element) {
  dialog = /** @type {HTMLDialogElement} */ (element);
  const { by, strength, count } = form();
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.querySelector("[data-action=cancel]").addEventListener("click", () => dialog.close());
  by.addEventListener("change", () => {
    strength.value = strengths[by.value];
    changed();
  });
  strength.addEventListener("input", () => {
    strengths[by.value] = strength.valueAsNumber;
    write("variations", strengths);
    changed();
  });
  count.addEventListener("change", changed);
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
}

/** Ask how many of `picture`, how far from it, and draw them. */
export function variationsOf(picture) {
  varied = picture;
  const { by } = form();
  const [noise] = by.options;
  const { request } = picture;
  noise.disabled = !(request?.steps && isDrawn(request)); // nobody knows the noise it came of
  if (noise.disabled) by.value = "denoising";
  form().strength.value = strengths[form().by.value];
  dialog.showModal();
  changed();
}

const wanted = () => ({
  by: form().by.value,
  count: Number(form().count.value),
  strength: form().strength.valueAsNumber,
});

function changed() {
  dialog.querySelector("output").textContent = form().strength.valueAsNumber.toFixed(2);
  dialog.querySelector(".vary-hint").textContent = HINTS[form().by.value];
  forecast.soon();
}

async function draw() {
  forecast.stop();
  try {
    const grid = await send("POST", path(), wanted());
    dialog.close();
    openGrid(grid);
  } catch (error) {
    say(error.message, true);
  }
}

function say(words, isBad) {
  const place = dialog.querySelector(".vary-words");
  place.textContent = words;
  place.classList.toggle("bad", isBad);
}
