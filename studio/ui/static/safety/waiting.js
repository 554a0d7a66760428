// Pictures of pupils that wait for their teacher.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";

const SHOWN = 60;

/** Fill `section`, and again after each answer of the teacher; `failed(words)` is told what went
 * wrong. */
export async function waiting(section, failed) {
  const { images } = await get(`studio/v1/images?waits=true&limit=${SHOWN}`);
  section.hidden = images.length === 0;
  const answer = async (ids, approved) => {
    try {
      await send("POST", "studio/v1/safety/approvals", { ids, approved });
      await waiting(section, failed);
    } catch (error) {
      failed(error.message);
    }
  };
  section.querySelector("ul").replaceChildren(...images.map((one) => item(one, answer)));
  section.querySelector("[data-action=approve-all]").onclick = () =>
    answer(
      images.map(({ id }) => id),
      true,
    );
}

function item(one, answer) {
  const button = (words, approved) =>
    make(
      "button",
      { type: "button", className: "plain framed", onclick: () => answer([one.id], approved) },
      words,
    );
  const src = address(`${one.thumbnail_url}?side=256&reveal=1`);
  return make(
    "li",
    {},
    make("img", { src, alt: one.prompt || "Picture", loading: "lazy" }),
    make("p", { title: one.prompt }, `${one.owner}: ${one.prompt}`),
    make("div", {}, button("Let it be seen", true), button("To the trash", false)),
  );
}
