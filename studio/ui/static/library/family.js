// A picture's family tree: what it was made from, and what was made from it.

import { address } from "../shared/data.js";
import { icon, make } from "../shared/dom.js";
import { labelOf } from "../shared/task.js";
import { generations } from "./generations.js";

/** Fill `root` with the family of `one`; hidden where it has none. `open(id)` shows another. */
export function showFamily(root, one, { ancestors, descendants, edges }, open) {
  const known = new Map([...ancestors, one, ...descendants].map((each) => [each.id, each]));
  const rows = generations(one.id, edges)
    .map((ids) => ids.filter((id) => known.has(id)))
    .filter((ids) => ids.length);
  root.hidden = known.size < 2;
  const parts = rows.flatMap((ids, at) => [
    at ? icon("chevron") : null,
    make(
      "div",
      { className: "picture-generation" },
      ...ids.map((id) => tile(known.get(id), one, open)),
    ),
  ]);
  root.replaceChildren(...parts.filter(Boolean));
  root.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function tile(each, one, open) {
  const image = new Image();
  image.alt = "";
  image.src = address(each.thumbnail_url);
  const words = labelOf(each.task ?? "text_to_image");
  const button = make(
    "button",
    {
      "type": "button",
      "className": "tile",
      "title": each.prompt,
      "aria-label": `${words}: ${each.prompt}`,
      "onclick": () => open(each.id),
    },
    image,
    make("span", { textContent: words }),
  );
  if (each.id === one.id) button.setAttribute("aria-current", "true");
  return button;
}
