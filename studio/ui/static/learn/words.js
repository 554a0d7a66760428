// Words: tokens, a map of words, and where they are read.

import { make } from "../shared/dom.js";
import { asking } from "./asking.js";
import { scatter } from "./charts.js";
import { allLoaded, draw, drawGrays, part, unpacked } from "./sheets.js";

const PAIR = ["with_negative", "without_negative", "differences"];

export function words(article) {
  const find = (of) => article.querySelector(of);
  const slider = find("[name=step]");
  const choice = find(".word-choice");
  let shown = null;
  let chosen = -1;

  const ask = asking(article, async (answer) => {
    const sheets = await allLoaded(answer, ["estimates", ...PAIR]);
    shown = { ...answer, ...sheets, attention: unpacked(answer.attention) };
    if (!answer.words[chosen]) chosen = longest(answer.words);
    slider.max = sheets.estimates.count - 1;
    slider.value = Math.min(Number(slider.value), Number(slider.max));
    tokens();
    map();
    choice.replaceChildren(...answer.words.map(wordButton));
    for (const name of PAIR) draw(find(`[data-shows=${name}]`), shown[name], 0);
    show();
  });

  function tokens() {
    find(".tokens").replaceChildren(
      ...shown.tokens.map(({ text, id, word }) =>
        make(
          "li",
          { className: word < 0 ? "mark" : "" },
          make("b", {}, text),
          make("span", {}, String(id)),
        ),
      ),
    );
    find(".count").textContent =
      `${shown.tokens.length - 2} tokens between a mark for the beginning and one for the end. The model ` +
      `always reads ${shown.chunk} places between them; the rest is filled up.`;
  }

  function map() {
    const own = new Set(shown.words.map((word) => word.toLowerCase()));
    const svg = scatter(
      shown.map,
      (word) => own.has(word),
      "Words as the text encoder places them",
    );
    find(".map").replaceChildren(svg);
    find(".map + figcaption").textContent =
      "Each word as the text encoder reads it, in its two main directions, which hold " +
      `${Math.round(shown.told * 100)} % of what tells the words apart. Words of your prompt stand out.`;
  }

  function wordButton(word, number) {
    const button = make("button", { type: "button", className: "plain framed" }, word);
    button.addEventListener("click", () => {
      chosen = number;
      show();
    });
    return button;
  }

  function show() {
    const step = Number(slider.value);
    [...choice.children].forEach((one, number) => {
      one.setAttribute("aria-pressed", String(number === chosen));
    });
    draw(find("[data-shows=estimates]"), shown.estimates, step);
    const word = shown.words[chosen];
    const name = word ? `, the word “${word}”` : ": the prompt has no words to look at";
    find(".now").textContent = `Step ${step + 1} of ${shown.estimates.count}${name}`;
    slider.setAttribute("aria-valuetext", `Step ${step + 1}`);
    if (!word) return;
    const [count, , height, width] = shown.attention.shape;
    const here = part(shown.attention, step, chosen);
    const mean = here.map((_, place) => {
      let sum = 0;
      for (let each = 0; each < count; each += 1) sum += part(shown.attention, each, chosen)[place];
      return sum / count;
    });
    drawGrays(find("[data-shows=attention]"), here, [height, width], 0, Math.max(...here));
    drawGrays(find("[data-shows=mean]"), mean, [height, width], 0, Math.max(...mean));
  }

  slider.addEventListener("input", () => shown && show());
  return ask;
}

/** The number of the longest word: the articles are read everywhere and nowhere. */
function longest(words) {
  return words.reduce((best, word, at) => (word.length > words[best].length ? at : best), 0);
}
