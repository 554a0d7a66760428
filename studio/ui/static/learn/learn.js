// The tab Learn: pages about how pictures come about, each with the model at work.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { latentSpace } from "./latent_space.js";
import { noiseIn } from "./noise_in.js";
import { noiseOut } from "./noise_out.js";
import { steering } from "./steering.js";
import { training } from "./training.js";
import { words } from "./words.js";

const LESSONS = {
  "noise-in": noiseIn,
  "noise-out": noiseOut,
  "latent-space": latentSpace,
  words,
  training,
  steering,
};

export function open(element) {
  const articles = [...element.querySelectorAll(".lesson")];
  const buttons = [...element.querySelectorAll(".learn-pages button")];
  const begin = Object.fromEntries(
    articles.map((one) => [one.dataset.name, LESSONS[one.dataset.name](one)]),
  );
  const begun = new Set();

  function show(asked) {
    const name = LESSONS[asked] ? asked : articles[0].dataset.name;
    for (const one of articles) {
      const isLeft = !one.hidden && one.dataset.name !== name;
      one.hidden = one.dataset.name !== name;
      if (isLeft) one.dispatchEvent(new Event("left"));
    }
    for (const one of buttons) {
      if (one.dataset.lesson === name) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    write("lesson", name);
    if (!begun.has(name)) begin[name]();
    begun.add(name);
  }

  for (const one of buttons) {
    one.addEventListener("click", () => {
      show(one.dataset.lesson);
      element.scrollTop = 0;
    });
  }
  for (const one of articles) {
    one.querySelector(".notebook").href = address(`studio/v1/learn/${one.dataset.name}/notebook`);
  }
  get("studio/v1/learn")
    .then(({ pages }) => {
      for (const page of pages) told(element.querySelector(`[data-name="${page.name}"]`), page);
    })
    .catch((error) => {
      for (const one of articles) one.querySelector(".paper").textContent = error.message;
    });
  show(read("lesson", ""));
}

/** What the studio says of a page: papers, and its own lines. */
function told(article, { paper, code }) {
  article.querySelector(".paper").textContent = `From: ${paper}`;
  article
    .querySelector(".excerpts")
    .replaceChildren(
      ...code.map(({ file, line, text }) =>
        make(
          "details",
          {},
          make("summary", {}, `${file}, line ${line}`),
          make("pre", { tabIndex: 0 }, make("code", {}, text)),
        ),
      ),
    );
}
