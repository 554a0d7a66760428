// What stands where there is no picture, and what helps.

import { make } from "../shared/dom.js";

export function drawEmpty(library) {
  const { root, list, filters } = library;
  const place = root.querySelector(".library-empty");
  const isEmpty = list.entries.length === 0 && (list.isKnown || list.error);
  place.hidden = !isEmpty;
  if (!isEmpty) return;
  const [title, words, ...buttons] = wordsOf(library, list, filters);
  place.replaceChildren(
    make("h2", { textContent: title }),
    make("p", { textContent: words }),
    make("div", {}, ...buttons.map(([label, act]) => button(label, act))),
  );
}

const button = (label, act) =>
  make("button", { type: "button", className: "plain framed", textContent: label, onclick: act });

function wordsOf(library, list, filters) {
  if (list.error) {
    return ["The library cannot be shown", list.error.message, ["Try again", () => library.find()]];
  }
  if (filters.isAny) {
    const words = "No picture has all that the search and the filters ask for.";
    return ["Nothing found", words, ["Clear filters", () => library.clearFilters()]];
  }
  if (filters.shelf.trashed) {
    const words = "What is deleted stays here for 30 days and can be restored.";
    return ["The trash is empty", words];
  }
  return [
    "No pictures yet",
    "Every picture that is made here is kept. Those of other studios join when files or folders are dropped here.",
    ["Make a picture", () => library.leave()],
    ["Import pictures", () => library.imports.choose()],
  ];
}
