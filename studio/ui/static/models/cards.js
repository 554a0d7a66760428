// Models as cards: the picture that stands for each, its name, and a star.

import { address } from "../shared/data.js";
import { iconButton, make } from "../shared/dom.js";
import { change } from "../shared/models.js";
import { kindName } from "../shared/words.js";

const LEAST_PX = 156;
const WORDS_PX = 52;
const GAP_PX = 12;

/** {columns, height} of rows of cards in a list `width` px wide. */
export function shape(width) {
  const columns = Math.max(2, Math.floor((width - GAP_PX) / (LEAST_PX + GAP_PX)));
  const side = (width - GAP_PX * (columns + 1)) / columns;
  return { columns, height: Math.round(side + WORDS_PX + GAP_PX) };
}

/** A star that says, and changes, whether `one` is a favourite; `say(words)` tells what went wrong. */
export function starOf(one, say) {
  const words = one.favourite ? "No favourite any more" : "A favourite";
  const star = iconButton("star", `${words}: ${one.name}`, (event) => {
    event.stopPropagation();
    change(one, { favourite: !one.favourite }).catch((error) => say(error.message));
  });
  star.classList.add("model-star");
  star.setAttribute("aria-pressed", String(one.favourite));
  return star;
}

/** The picture of `one`, or its first letter. */
export function coverOf(one) {
  if (!one.cover_url)
    return make("span", { className: "cover-letter", "aria-hidden": "true" }, one.name[0]);
  return make("img", { src: address(one.cover_url), alt: "", loading: "lazy", decoding: "async" });
}

/** `of.id`, `of.isChosen`, `of.isWarm`, `of.choose()`, `of.say(words)`. */
export function cardOf(one, { id, isChosen, isWarm, choose, say }) {
  const about = [kindName(one.kind), one.family].filter(Boolean).join(" · ");
  return make(
    "div",
    {
      id,
      role: "gridcell",
      className: "model-card",
      title: one.name,
      onclick: choose,
      "aria-selected": String(isChosen),
    },
    make("div", { className: "model-cover" }, coverOf(one)),
    make("span", { className: "model-name", textContent: one.name }),
    make(
      "span",
      { className: "model-about", textContent: about },
      isWarm ? make("span", { className: "warm", title: "In memory", textContent: "warm" }) : null,
    ),
    starOf(one, say),
  );
}
