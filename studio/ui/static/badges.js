// What acts on the picture beside the prompt and the settings: shown beside Generate, each with a
// cross that takes it off.

import { field, onChange } from "./form.js";
import { icon, make } from "./dom.js";

const MOST = 3;

export function badges({ element }) {
  const place = element.querySelector(".badges");
  const draw = () => {
    const uses = field("loras")?.value ?? [];
    const shown = uses.slice(0, uses.length > MOST ? MOST - 1 : MOST).map(loraBadge);
    if (shown.length < uses.length) shown.push(allBadge(uses));
    place.replaceChildren(...shown);
    document.body.classList.toggle("has-badges", uses.length > 0);
  };
  onChange((name) => name === "loras" && draw());
  draw();
}

function loraBadge(use) {
  const remove = () => {
    const loras = field("loras");
    loras.set(loras.value.filter((one) => one.name !== use.name));
  };
  return badge(use.name, use.weight, `LoRA ${use.name} with weight ${use.weight}`, remove);
}

function allBadge(uses) {
  const names = uses.map((one) => `${one.name} ${one.weight}`).join("\n");
  return badge(`${uses.length} LoRAs`, "", names, () => field("loras").set([]));
}

function badge(name, value, title, remove) {
  return make(
    "span",
    { className: "active-badge", title },
    make("span", { className: "active-name", textContent: name }),
    value === "" ? null : make("span", { className: "active-value", textContent: value }),
    make(
      "button",
      { type: "button", "aria-label": `Take off ${name}`, title: `Take off ${name}`, onclick: remove },
      icon("close"),
    ),
  );
}
