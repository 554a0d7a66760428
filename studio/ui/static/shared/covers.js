// Entries of a menu that let a picture stand for its checkpoint, or for one of its LoRAs.

import { make } from "./dom.js";
import { change, modelNamed } from "./models.js";

/**
 * At the end of the menu `list`, whenever it opens: one for each model that made `picture()`.
 * say(words)          tells what went wrong
 * offer(words, undo)  tells what was done, with the way back
 */
export function offerCovers(list, picture, { say, offer }) {
  list.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    for (const entry of list.querySelectorAll(".cover-entry")) entry.remove();
    const shown = picture();
    const take = (model) => {
      list.hidePopover();
      cover(model, shown.id, offer).catch((error) => say(error.message));
    };
    list.append(...madeWith(shown).map((model) => entryFor(model, take)));
  });
}

/** Those of its models that are here. */
function madeWith({ request }) {
  const { checkpoint, loras = [] } = request ?? {};
  const names = [["checkpoint", checkpoint], ...loras.map(({ name }) => ["lora", name])];
  return names.map(([kind, name]) => modelNamed(kind, name)).filter(Boolean);
}

const entryFor = (model, take) =>
  make("button", {
    type: "button",
    role: "menuitem",
    className: "cover-entry",
    textContent: `Cover of ${model.name}`,
    onclick: (event) => {
      event.stopPropagation(); // the menu's other entries are tasks
      take(model);
    },
  });

async function cover(model, id, offer) {
  await change(model, { cover: id });
  offer(`The cover of ${model.name} in Models`, () => change(model, { cover: model.cover }));
}
