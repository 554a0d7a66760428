// One ControlNet unit as it is seen: its picture and map, its settings, what it lacks.

import { madeSize } from "../canvas/sizes.js";
import { sourceOf } from "../canvas/sources.js";
import { arrivals, known, uploaded } from "../canvas/uploads.js";
import { familyOf, unfit } from "../settings/choices.js";
import { value } from "../settings/form.js";
import { address } from "../shared/data.js";
import { copyOf, make, targetOf } from "../shared/dom.js";
import { isKnown, look, modelNamed, models } from "../shared/models.js";
import { opens } from "../shared/picker.js";
import { carried, carries } from "../shared/pictures.js";
import { results } from "../shared/results.js";
import { task } from "../shared/task.js";
import { percent, size } from "../shared/words.js";
import { draw, paintRegion, retouch } from "./drawing.js";
import { MapView, mapRequest } from "./map.js";
import { bindNumber, numberElement } from "./numbers.js";
import * as types from "./types.js";
import * as units from "./units.js";

const NUMBERS = { scale: 1, start: 0, end: 1 };
const GAP = 0.01; // between start and end
const PERFECT = 512;
const DRAWN = ["scribble", "lineart", "segmentation"]; // what one draws by hand
const PROMPTS = "The picture prompts, as words do; what it shows may be anywhere.";

export class UnitView {
  constructor(id) {
    this.id = id;
    this.element = copyOf("unit-template");
    this.map = new MapView(this.find(".unit-map"), (isThere) => {
      this.find("[data-act=edit-map]").disabled = !isThere;
    });
    this.settings = new Map();
    this.bindActs();
    this.bindFields();
    this.bindFiles();
  }

  /**
   * @param {string} selector
   * @returns {any}
   */
  find(selector) {
    return this.element.querySelector(selector);
  }

  get unit() {
    return units.unit(this.id);
  }

  change(part) {
    units.change(this.id, part);
  }

  // Ways in

  bindActs() {
    const acts = {
      "choose": () => this.find(".unit-file").click(),
      "draw": () => this.trying(() => this.draw()),
      "turn-back": () => this.turnBack(),
      "last": () => this.takeLast(),
      "input": () => this.change({ follows: true, picture: null, drawn: false }),
      "remove-picture": () => this.change({ picture: null, follows: false, drawn: false }),
      "edit-map": () => this.trying(() => retouch(this.unit, this.map)),
      "download": () => this.trying(() => types.download(this.unit.preprocessor)),
      "paint-region": () => this.trying(() => paintRegion(this.unit)),
      "clear-region": () => this.change({ mask: null }),
      "remove": () => units.remove(this.id),
    };
    this.element.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (targetOf(event).closest("[data-act]"));
      if (button && acts[button.dataset.act]) acts[button.dataset.act]();
    });
    this.find(".unit-fold").addEventListener("click", () =>
      this.change({ folded: !this.unit.folded }),
    );
    this.bindModel();
  }

  bindModel() {
    opens(this.find("[data-act=model]"), {
      options: () => modelOptions(),
      choose: (name) => this.chooseModel(name),
      current: () => this.unit.controlnet,
      empty: "No ControlNet was found in the models folders.",
      placeholder: "Search ControlNets",
      before: look,
    });
  }

  /** A new unit has a ControlNet at once: of those that fit the checkpoint the menu's first. */
  begin() {
    if (!this.unit.begins || !isKnown() || types.preprocessors().length === 0) return;
    const first = modelOptions().find(({ why, value }) => !why && !types.isPrompt(value));
    if (first) this.chooseModel(first.value, { offered: this.unit.offered });
  }

  /** A model brings the preprocessor that suits it, unless the present one does. */
  chooseModel(controlnet, also = {}) {
    const { preprocessor, drawn, settings } = this.unit;
    const fitting = types.typesOf(controlnet);
    const spec = types.preprocessor(preprocessor);
    const suits =
      preprocessor !== "none" && spec?.control_types.some((type) => fitting.includes(type));
    const stays = drawn || suits || !fitting.length;
    const next = types.isPrompt(controlnet)
      ? "none"
      : stays
        ? preprocessor
        : types.firstFor(fitting);
    this.change({
      ...also,
      begins: false,
      controlnet,
      preprocessor: next,
      settings: next === preprocessor ? settings : {},
      union_type: null,
    });
  }

  bindFiles() {
    const box = this.find(".unit-file");
    const place = this.find(".unit-picture");
    box.addEventListener("change", () => {
      if (box.files[0]) this.takeFile(box.files[0]);
      box.value = "";
    });
    place.addEventListener("dragover", (event) => {
      const { dataTransfer } = event;
      if (!carries(dataTransfer) && !dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      place.classList.add("dropping");
    });
    place.addEventListener("dragleave", () => place.classList.remove("dropping"));
    place.addEventListener("drop", (event) => {
      place.classList.remove("dropping");
      const what = carried(event.dataTransfer) ?? event.dataTransfer.files[0];
      if (!what) return;
      event.preventDefault();
      event.stopPropagation();
      this.takeDropped(what);
    });
  }

  /** A File, or a picture of the library as `known` takes it. */
  takeDropped(what) {
    if (what instanceof File) return this.takeFile(what);
    return this.trying(async () => this.takePicture(await known(what)));
  }

  /** A new drawing goes to a net that reads such, where there is one. */
  async draw() {
    const isNew = !this.unit.drawn;
    let hasTurned = false;
    const isDrawn = await draw(this.unit, () => {
      if (isNew && !hasTurned) this.turnToScribbles();
      hasTurned = isNew;
    });
    if (isDrawn || !hasTurned) return;
    this.turned = null;
    this.show();
  }

  turnToScribbles() {
    const { controlnet, union_type } = this.unit;
    const type = units.typeOf(this.unit);
    this.turned = null;
    if (!type || DRAWN.includes(type)) return;
    const net = scribbleNet(controlnet);
    this.turned = { to: net ?? controlnet, controlnet, union_type, isNet: net !== null };
    if (net) this.change({ controlnet: net, union_type: types.isUnion(net) ? "scribble" : null });
  }

  turnBack() {
    const { controlnet, union_type } = this.turned;
    this.turned = null;
    this.change({ controlnet, union_type });
  }

  takeFile(file) {
    return this.trying(async () => {
      this.takePicture(await uploaded(file));
      arrivals.tell(file);
    }, `Taking ${file.name}`);
  }

  takePicture(picture) {
    this.change({ picture, follows: false, drawn: false, on: true });
  }

  takeLast() {
    const [last] = results.value;
    if (!last) return;
    this.trying(async () =>
      this.takePicture(await known({ ref: `picture:${last.id}`, url: last.url })),
    );
  }

  async trying(work, words = "") {
    this.message = words;
    if (words) this.show();
    try {
      await work();
      this.message = "";
    } catch (error) {
      this.message = error.message;
    }
    if (this.unit) this.show();
  }

  // Fields

  bindFields() {
    this.numbers = {};
    for (const [name, usual] of Object.entries(NUMBERS)) {
      this.numbers[name] = bindNumber(this.find(`[data-number=${name}]`), {
        change: (value) => this.change(this.consistent(name, value)),
        fallback: () => usual,
      });
    }
    this.numbers.resolution = bindNumber(this.find("[data-number=resolution]"), {
      change: (resolution) => this.change({ resolution }),
      fallback: () => PERFECT,
    });
    for (const label of /** @type {NodeListOf<HTMLElement>} */ (
      this.element.querySelectorAll("[data-menu]")
    )) {
      const name = label.dataset.menu;
      const select = label.querySelector("select");
      select.addEventListener("change", () => {
        const more = name === "preprocessor" ? { settings: {}, union_type: null } : {};
        this.change({ [name]: select.value || null, ...more });
      });
    }
    this.find("[data-check=on]").addEventListener("change", (event) => {
      this.change({ on: event.target.checked });
    });
    this.find("[data-check=perfect]").addEventListener("change", (event) => {
      this.change({ resolution: event.target.checked ? null : PERFECT });
    });
  }

  /** Start stays before end: the one that is moved pushes the other. */
  consistent(name, value) {
    const { start, end } = this.unit;
    const exact = (one) => Number(one.toFixed(4));
    if (name === "start" && value >= end) {
      const late = Math.min(value, 1 - GAP);
      return { start: exact(late), end: exact(Math.min(1, late + GAP)) };
    }
    if (name === "end" && value <= start) {
      const early = Math.max(value, GAP);
      return { end: exact(early), start: exact(early - GAP) };
    }
    return { [name]: exact(value) };
  }

  // What is seen

  show() {
    const { unit } = this;
    const place = units.units().indexOf(unit) + 1;
    const spec = types.preprocessor(unit.preprocessor);
    this.name(place);
    this.element.dataset.id = unit.id;
    this.element.classList.toggle("folded", unit.folded);
    this.element.classList.toggle("off", !unit.on);
    this.find(".unit-fold").setAttribute("aria-expanded", String(!unit.folded));
    this.find(".unit-summary").textContent = summary(unit);
    this.find("[data-check=on]").checked = unit.on;
    this.showPicture(unit);
    this.showModel(unit);
    this.showPreprocessor(unit, spec);
    this.showWeights(unit, spec);
    this.showNumbers(unit);
    this.find(".unit-lack").textContent = this.message || (unit.on ? units.lacks(unit) : "");
    this.showTurned(unit);
    this.showMap(unit, spec);
  }

  name(place) {
    if (this.place === place) return;
    this.place = place;
    this.find(".unit-title").textContent = `Unit ${place}`;
    this.element.setAttribute("aria-label", `Unit ${place}`);
    this.find("[data-check=on]").setAttribute("aria-label", `Unit ${place} is on`);
    const remove = this.find("[data-act=remove]");
    remove.setAttribute("aria-label", `Remove unit ${place}`);
    remove.title = `Remove unit ${place}`;
  }

  showPicture(unit) {
    const picture = units.pictureOf(unit);
    const figure = this.find(".unit-picture");
    const url = picture?.url ? address(picture.url) : "";
    figure.dataset.state = url ? "ready" : "empty";
    figure.querySelector("figcaption span").textContent = unit.follows
      ? "Working picture"
      : unit.drawn
        ? "Drawing"
        : "Control image";
    if (url !== (this.shownUrl ?? "")) {
      this.shownUrl = url;
      figure.querySelector("img")?.remove();
      if (url)
        figure.querySelector(".unit-place").append(make("img", { src: url, alt: "Control image" }));
    }
    const input = this.find("[data-act=input]");
    input.hidden = !units.mayFollow();
    input.setAttribute("aria-pressed", String(unit.follows));
    const last = this.find("[data-act=last]");
    last.disabled = results.value.length === 0;
    last.title = last.disabled ? "No picture was made yet" : "Take the picture that was made last";
    const way = unit.drawn ? "Draw on" : units.typeOf(unit) === "segmentation" ? "Paint" : "Draw";
    this.find("[data-act=draw] span").textContent = way;
  }

  showModel(unit) {
    const words = this.find("[data-act=model] span");
    words.textContent = unit.controlnet ?? "Choose";
    words.title = unit.controlnet ?? "";
    this.find("[data-act=model]").setAttribute("aria-label", `ControlNet: ${words.textContent}`);
    const ref = modelNamed("controlnet", unit.controlnet);
    const isGone = isKnown() && unit.controlnet && !ref;
    const foreign = ref ? unfit(ref, familyOf(value("checkpoint"))) : "";
    this.find(".unit-misfit").textContent = isGone
      ? "It is not in the models folders any more."
      : foreign && `Does not fit: ${foreign}.`;
  }

  showPreprocessor(unit, spec) {
    const select = this.find("[data-menu=preprocessor] select");
    const groups = types.grouped(types.typesOf(unit.controlnet));
    const key = JSON.stringify(
      groups.map(([title, all]) => [title, all.map((one) => [one.name, one.ready])]),
    );
    if (key !== this.groupsKey) {
      this.groupsKey = key;
      select.replaceChildren(...groups.flatMap(([title, all]) => optionsOf(title, all)));
    }
    if (![...select.options].some((option) => option.value === unit.preprocessor)) {
      select.append(make("option", { value: unit.preprocessor, textContent: unit.preprocessor }));
    }
    select.value = unit.preprocessor;
    const prompts = types.isPrompt(unit.controlnet);
    this.find("[data-menu=preprocessor]").hidden = prompts;
    this.find(".unit-map").hidden = prompts;
    this.find(".unit-about").textContent = prompts ? PROMPTS : (spec?.description ?? "");
    const asks = types.isUnion(unit.controlnet) && unit.preprocessor === "none";
    const label = this.find("[data-menu=union_type]");
    const known = types.typesOf(unit.controlnet);
    label.hidden = !asks;
    for (const option of label.querySelectorAll("option")) {
      option.hidden = option.value !== "" && !known.includes(option.value);
    }
    label.querySelector("select").value = unit.union_type ?? "";
    this.showSettings(unit, spec);
  }

  /** The sliders of the preprocessor's own settings. */
  showSettings(unit, spec) {
    if (this.settingsOf !== spec?.name) {
      this.settingsOf = spec?.name;
      this.settings.clear();
      const elements = (spec?.settings ?? []).map((setting) => this.setting(setting));
      this.find(".unit-settings").replaceChildren(...elements);
    }
    for (const [name, { show, usual }] of this.settings) show(unit.settings[name] ?? usual);
  }

  setting(setting) {
    const element = numberElement(setting);
    const set = (value) => {
      const { settings } = this.unit;
      this.change({ settings: { ...settings, [setting.name]: value } });
    };
    const show = bindNumber(element, { change: set, fallback: () => setting.default });
    this.settings.set(setting.name, { show, usual: setting.default });
    return element;
  }

  /** What is to be downloaded before the preprocessor can run. */
  showWeights(_unit, spec) {
    const box = this.find(".unit-weights");
    box.hidden = !spec || spec.ready;
    if (box.hidden) return;
    const coming = types.isComing(spec);
    const { done_bytes: done = 0, total_bytes: total = 0, error } = spec.downloading ?? {};
    const { repo, size_bytes: bytes, terms } = spec.download ?? {};
    const words = repo
      ? `${spec.title} needs ${size(bytes)} from ${repo}. ${terms ?? ""}`
      : spec.message;
    this.find(".unit-weights-words").textContent = error ? `${words} ${error}` : words;
    this.find(".unit-weights-words").classList.toggle("objection", Boolean(error));
    this.find("[data-act=download]").hidden = coming || !repo;
    this.find(".unit-weights .track").hidden = !coming;
    const share = total ? done / total : 0;
    this.find(".unit-weights .track i").style.width = percent(share).replace(" ", "");
    this.find(".unit-weights-share").textContent = coming
      ? total
        ? `${percent(share)} of ${size(total)}`
        : "Connecting"
      : "";
  }

  showNumbers(unit) {
    for (const name of Object.keys(NUMBERS)) this.numbers[name](unit[name]);
    this.numbers.resolution(unit.resolution ?? PERFECT);
    this.find("[data-check=perfect]").checked = unit.resolution === null;
    this.find("[data-number=resolution]").hidden = unit.resolution === null;
    for (const name of ["mode", "resize_mode"])
      this.find(`[data-menu=${name}] select`).value = unit[name];
    this.find(".unit-region-words").textContent = unit.mask ? "painted" : "everywhere";
    this.find("[data-act=clear-region]").hidden = !unit.mask;
  }

  /** Which net a drawing went to, and the way back. */
  showTurned(unit) {
    if (!unit.drawn || this.turned?.to !== unit.controlnet) this.turned = null;
    const { isNet, to } = this.turned ?? {};
    const words = isNet
      ? `The drawing goes to ${to}, which reads scribbles.`
      : `No ControlNet here reads scribbles: ${to} takes the drawing as its map.`;
    this.find(".unit-turned").hidden = !this.turned;
    this.find(".unit-turned-words").textContent = this.turned ? words : "";
    this.find("[data-act=turn-back]").hidden = !isNet;
  }

  showMap(unit, spec) {
    const picture = units.pictureOf(unit);
    const isSeen = !unit.folded && this.element.checkVisibility();
    if (!isSeen || !spec) return;
    const mask =
      spec.needs_mask && task() === "inpaint" ? (sourceOf("inpaint")?.mask?.ref ?? null) : null;
    if (!picture) this.map.want("", null, "The map of the picture shows here.");
    else if (!spec.ready) this.map.want("", null, "The preprocessor is not here yet.");
    else if (spec.needs_mask && !mask)
      this.map.want("", null, "Made from picture and mask when it runs.");
    else this.map.want(unit.preprocessor, mapRequest(unit, picture, madeSize(), mask));
  }
}

function optionsOf(title, all) {
  const label = (one) => (one.ready ? one.title : `${one.title} — download`);
  const options = all.map((one) => make("option", { value: one.name, textContent: label(one) }));
  return title ? [make("optgroup", { label: title }, ...options)] : options;
}

function modelOptions() {
  const family = familyOf(value("checkpoint"));
  const options = models("controlnet").map((ref) => ({
    value: ref.name,
    label: ref.name,
    detail: [ref.family, ref.architecture === "union" && "union", ref.title]
      .filter(Boolean)
      .join(" · "),
    why: unfit(ref, family),
  }));
  return options.sort((a, b) => Number(Boolean(a.why)) - Number(Boolean(b.why)));
}

/** A net of those that fit the checkpoint that reads scribbles: `present` if it does; null: none. */
function scribbleNet(present) {
  const reads = ({ value, why }) => !why && types.typesOf(value).includes("scribble");
  const found = modelOptions().filter(reads);
  return (found.find(({ value }) => value === present) ?? found[0])?.value ?? null;
}

/** What the unit's map shows, else which ControlNet it has: "Canny". */
export function shows(unit) {
  const type = units.typeOf(unit);
  return type ? types.typeTitle(type) : unit.controlnet;
}

/** A unit in a few words. */
function summary(unit) {
  if (!unit.on) return "off";
  return [shows(unit), `weight ${unit.scale}`].filter(Boolean).join(" · ");
}
