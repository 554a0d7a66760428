// Well-known models to begin with, in the form of downloads. Nothing is asked for until a button is
// pressed.

import { data } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { kindName } from "../shared/words.js";

/** A row for each in `list`; `take(source)` downloads one. */
export function fillStarters(list, take) {
  list.replaceChildren(...data.starters.map((one) => rowOf(one, take)));
}

const linkTo = ({ source }) => {
  const [owner, name] = source.split("/");
  return `https://huggingface.co/${owner}/${name}`;
};

function rowOf(one, take) {
  const licence = one.licence ? `Licence: ${one.licence}` : "Licence: see its page";
  const about = [kindName(one.kind), one.size, licence].filter(Boolean).join(" · ");
  const get = make(
    "button",
    {
      "type": "button",
      "className": "plain framed",
      "aria-label": `Download ${one.name}`,
      "title": one.source,
      "onclick": () => take(one.source),
    },
    "Download",
  );
  const page = make("a", {
    href: linkTo(one),
    target: "_blank",
    rel: "noopener noreferrer",
    textContent: one.name,
  });
  return make(
    "li",
    { className: "starter" },
    make("div", {}, page, make("p", { textContent: one.uses }), make("p", {}, about)),
    get,
  );
}
