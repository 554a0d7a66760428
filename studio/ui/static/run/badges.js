// What acts on the picture beside the prompt and the settings: shown beside Generate, each with a
// cross that takes it off.

import { clearMask, clearSketch, onSource, sourceOf } from "../canvas/sources.js";
import { shows } from "../control/unit.js";
import { acting, change, lacks, onUnits, units } from "../control/units.js";
import { acting as detailing, lacks as lacking, switchOff } from "../detail/list.js";
import { field, onChange, value } from "../settings/form.js";
import { changedWords, onPreset, preset, takeOff } from "../settings/presets.js";
import { aboutStyle, isMissing, onStyles, styleNamed } from "../settings/styles.js";
import { onDetectors } from "../shared/detectors.js";
import { icon, make } from "../shared/dom.js";
import { isEditing, onTask, task } from "../shared/task.js";
import { onRounds, roundsWanted, setRounds } from "./loop.js";

const MOST = 3;

export function badges(place) {
  const draw = () => {
    const uses = field("loras")?.value ?? [];
    const shown = uses.slice(0, uses.length > MOST ? MOST - 1 : MOST).map(loraBadge);
    if (shown.length < uses.length) shown.push(allBadge(uses));
    shown.unshift(...styleBadges());
    shown.unshift(...detailBadges());
    shown.unshift(...acting().map(unitBadge));
    const mask = task() === "inpaint" ? sourceOf("inpaint")?.mask : null;
    if (mask) shown.unshift(maskBadge(mask));
    const sketch = isEditing() ? sourceOf(task())?.sketch : null;
    if (sketch) shown.unshift(sketchBadge(sketch));
    const acts = preset();
    if (acts) shown.unshift(presetBadge(acts));
    if (roundsWanted() > 1) shown.unshift(loopBadge(roundsWanted()));
    place.replaceChildren(...shown);
    document.body.classList.toggle("has-badges", shown.length > 0);
  };
  let earlier = "";
  onChange((name) => {
    const now = JSON.stringify(preset());
    if (["loras", "invert", "styles", "detailers"].includes(name) || now !== earlier) draw();
    earlier = now;
  });
  onPreset(draw);
  onStyles(draw);
  onSource((kind) => kind === task() && draw());
  onRounds(draw);
  onUnits(draw);
  onDetectors(draw);
  onTask(draw);
  draw();
}

function loopBadge(rounds) {
  const words = `${rounds} rounds: each result becomes the next picture`;
  return badge("Loop", rounds, words, () => setRounds(1));
}

const coveredWords = (share) => (share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`);

function sketchBadge({ share }) {
  const about = "Colours are painted over the picture, which it is drawn after";
  const covered = share === null ? "" : coveredWords(share);
  return badge("Sketch", covered, about, () => clearSketch(task()));
}

function maskBadge({ share }) {
  const words = value("invert") ? "Mask, inverted" : "Mask";
  const covered = coveredWords(share);
  return badge(words, covered, `The mask covers ${covered} of the picture`, () =>
    clearMask("inpaint"),
  );
}

function presetBadge(now) {
  const about = `Preset ${now.name}. ${changedWords(now)}`;
  const drawn = badge(`Preset: ${now.name}`, now.changed.length ? "changed" : "", about, takeOff);
  drawn.classList.add("preset");
  return drawn;
}

/** In the order in which they act. */
function styleBadges() {
  const styles = field("styles");
  const chosen = styles?.value ?? [];
  const names = chosen.slice(0, chosen.length > MOST ? MOST - 1 : MOST);
  const shown = names.map((name) => {
    const style = styleNamed(name);
    const about = isMissing(name)
      ? `There is no style ${name} any more: take it off, or save one of this name.`
      : `Style ${name}${style ? `: ${aboutStyle(style)}` : ""}`;
    const remove = () => styles.set(styles.value.filter((one) => one !== name));
    const drawn = badge(name, isMissing(name) ? "missing" : "", about, remove);
    drawn.classList.toggle("lacking", isMissing(name));
    return drawn;
  });
  if (shown.length < chosen.length)
    shown.push(badge(`${chosen.length} styles`, "", chosen.join("\n"), () => styles.set([])));
  return shown;
}

function unitBadge(unit) {
  const name = `Unit ${units().indexOf(unit) + 1}`;
  const why = lacks(unit);
  const remove = () => change(unit.id, { on: false });
  return badge(
    name,
    why ? "incomplete" : `${shows(unit)} ${unit.scale}`,
    why || `ControlNet ${unit.controlnet}`,
    remove,
  );
}

/** Of those that follow a drawing: in their own tab they are what is drawn. */
function detailBadges() {
  const all = task() === "details" ? [] : detailing();
  if (all.length === 0) return [];
  const why = all.map(lacking).find(Boolean);
  const names = all.map(({ detector }) => detector).join("\n");
  const [{ detector }] = all;
  const value = all.length > 1 ? `${all.length} detailers` : detector;
  return [badge("Details", why ? "incomplete" : value, why || names, switchOff)];
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
      {
        type: "button",
        "aria-label": `Take off ${name}`,
        title: `Take off ${name}`,
        onclick: remove,
      },
      icon("close"),
    ),
  );
}
