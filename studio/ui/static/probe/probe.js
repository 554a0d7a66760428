// The bias probe: a prompt with one open slot, drawn many times for each of its words, and counted.

import { foretelling } from "../run/foretelling.js";
import { onChange, value } from "../settings/form.js";
import { address } from "../shared/data.js";
import { detectors, look as lookForDetectors, onDetectors } from "../shared/detectors.js";
import { make } from "../shared/dom.js";
import * as pictures from "../shared/pictures.js";
import { get, send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { isShown, onTab } from "../shared/tabs.js";
import { tablesOf } from "./tables.js";
import { actionsOf, settingWords, stateWords } from "./words.js";

const PROBES = "studio/v1/probes";
const LOOK_MS = 1000;
const COUNT_MS = 4000;
const AT_FIRST = { prompt: "a {house|tree|boat}", count: 24 };
const SETTINGS = [
  ...["checkpoint", "negative_prompt", "styles", "width", "height", "seed", "loras", "vae"],
  ...["scheduler", "noise_schedule", "steps", "guidance_scale", "guidance_rescale", "clip_skip"],
];
const JUDGE = "picturebook";
const NONE = "none";
const OWN = [
  [JUDGE, "picturebook’s judge: colour, place, sky"],
  [NONE, "nobody: I look myself"],
];
const HINTS = {
  [JUDGE]: "The judge knows the pictures that picturebook draws, and is wrong of any others.",
  [NONE]: "Nothing is counted: look at the pictures below.",
};
const BY_DETECTOR = "Of each picture what the detector is surest of counts.";
const LATER =
  "What is sure is said once all are drawn: who looks again and again is fooled by chance.";

const gridOf = (id) => `studio/v1/grids/${encodeURIComponent(id)}`;

export function open(element) {
  new Probe(element.querySelector(".probe"));
}

class Probe {
  constructor(root) {
    this.form = root.querySelector("form");
    this.one = root.querySelector(".probe-one");
    this.which = this.one.querySelector("[name=which]");
    this.measure = this.one.querySelector("[name=measure]");
    this.all = [];
    this.cells = new Map(); // place -> how its picture looks now
    this.grid = null;
    this.counted = { of: "", at: 0 };
    this.timer = 0;
    this.begin(root);
  }

  begin(root) {
    const { prompt, count } = this.form.elements;
    [prompt.value, count.value] = Object.values({ ...AT_FIRST, ...read("probe", {}) });
    const words = root.querySelector(".probe-comes-to");
    this.forecast = foretelling(
      () => this.wanted(),
      (text, isBad) => {
        words.textContent = text;
        words.classList.toggle("bad", isBad);
      },
    );
    this.form.addEventListener("input", () => this.asked());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.act(this.form, () => this.submit());
    });
    this.which.addEventListener("change", () => this.look());
    this.measure.addEventListener("change", () => this.act(this.one, () => this.count()));
    for (const button of this.one.querySelectorAll("[data-action]")) {
      const { action } = button.dataset;
      button.addEventListener("click", () => this.act(this.one, () => this.change(action)));
    }
    onDetectors(() => this.offerMeasures());
    this.offerMeasures();
    onChange(() => isShown("probe") && this.asked());
    onTab((name) => (name === "probe" ? this.shown() : clearTimeout(this.timer)));
    this.shown();
  }

  shown() {
    lookForDetectors();
    this.asked();
    this.act(this.one, () => this.list());
  }

  /** Do `work`; what goes wrong is said in `part`. */
  async act(part, work) {
    const objection = part.querySelector(".objection");
    try {
      await work();
      objection.textContent = "";
    } catch (error) {
      objection.textContent = error.message;
    }
  }

  /** What the form asks for: the settings beside the picture, with its own prompt. */
  wanted() {
    const { prompt, count } = this.form.elements;
    if (!prompt.value.trim() || !count.checkValidity()) return null;
    const request = { ...this.settings(), prompt: prompt.value };
    return { path: `${PROBES}/forecast`, json: { request, count: count.valueAsNumber } };
  }

  settings() {
    const known = SETTINGS.map((name) => [name, value(name)]);
    return Object.fromEntries(known.filter(([, one]) => one !== undefined));
  }

  asked() {
    const { prompt, count } = this.form.elements;
    write("probe", { prompt: prompt.value, count: count.value });
    this.form.querySelector(".probe-with").textContent = settingWords(this.settings());
    this.forecast.soon();
  }

  async submit() {
    const { json } = this.wanted();
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const { id } = await send("POST", PROBES, json);
      await this.list(id);
      this.one.scrollIntoView({ block: "start" });
    } finally {
      button.disabled = false;
    }
  }

  /** All that there are, and the one of the id `chosen`, or that which was looked at. */
  async list(chosen = this.which.value) {
    this.all = (await get(PROBES)).probes;
    const options = this.all.map(({ id, template, owner, created }) => {
      const day = new Date(created).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
      return new Option([template, day, owner].filter(Boolean).join(" · "), id);
    });
    this.which.replaceChildren(...options);
    if (this.all.some(({ id }) => id === chosen)) this.which.value = chosen;
    this.one.hidden = this.all.length === 0;
    if (this.all.length) await this.look();
  }

  /** Look at the one that is chosen, as long as something of it is to come. */
  async look() {
    clearTimeout(this.timer);
    const id = this.which.value;
    const before = new Set(this.grid?.cells.map(({ image }) => image));
    const grid = await get(gridOf(id));
    if (id !== this.which.value) return;
    if (grid.id !== this.grid?.id) this.build(grid);
    else {
      const came = grid.cells.map(({ image }) => image).filter((one) => one && !before.has(one));
      if (came.length) pictures.came.tell(came);
    }
    this.grid = grid;
    const { isOpen } = this.draw();
    await this.countAgain(isOpen);
    clearTimeout(this.timer);
    if (isOpen && isShown("probe")) {
      this.timer = setTimeout(() => this.act(this.one, () => this.look()), LOOK_MS);
    }
  }

  async change(action) {
    const id = this.which.value;
    if (action === "forget") {
      await send("DELETE", gridOf(id));
      await this.list("");
    } else {
      await send("POST", `${gridOf(id)}/${action}`, action === "again" ? {} : undefined);
      await this.look();
    }
  }

  /** The places of its pictures, still empty. */
  build(grid) {
    this.cells.clear();
    this.counted = { of: "", at: 0 };
    const rows = grid.y.labels.map((label, row) => {
      const list = make("ul", { "aria-label": label });
      for (const { place } of grid.cells.filter((one) => one.place[1] === row)) {
        const item = make("li");
        this.cells.set(place.join(), { item, shown: "" });
        list.append(item);
      }
      return make("section", {}, make("h4", {}, label), list);
    });
    this.one.querySelector(".probe-sheet").replaceChildren(...rows);
    for (const part of ["tables", "findings"]) {
      this.one.querySelector(`.probe-${part}`).replaceChildren();
    }
    this.linkTo(grid.id);
  }

  draw() {
    const { cells } = this.grid;
    for (const one of cells) {
      const known = this.cells.get(one.place.join());
      const shown = `${one.state} ${one.image ?? ""}`;
      if (known.shown === shown) continue;
      known.shown = shown;
      known.item.replaceChildren(one.image ? this.thumbnail(one) : one.state);
    }
    const actions = actionsOf(cells);
    for (const name of ["pause", "resume", "cancel", "again"]) {
      this.one.querySelector(`[data-action=${name}]`).hidden = !actions[name];
    }
    this.one.querySelector(".probe-state").textContent = stateWords(cells);
    const progress = this.one.querySelector("progress");
    progress.hidden = actions.isWhole;
    progress.value = cells.filter(({ image }) => image).length / cells.length;
    return actions;
  }

  thumbnail({ image, place }) {
    const path = `studio/v1/images/${encodeURIComponent(image)}`;
    const alt = `${this.grid.y.labels[place[1]]}, seed ${this.grid.x.values[place[0]]}`;
    return make(
      "a",
      { href: address(path), target: "_blank", title: alt },
      make("img", { src: address(`${path}/thumbnail?side=256`), alt, loading: "lazy" }),
    );
  }

  /** Count what is there, while it is drawn now and then, and once all of it is. */
  async countAgain(isOpen) {
    const of = this.grid.cells.map(({ image }) => image ?? "").join();
    const isSoon = isOpen && performance.now() - this.counted.at < COUNT_MS;
    if (isSoon || (of === this.counted.of && isOpen === this.counted.isOpen)) return;
    this.counted = { of, at: performance.now(), isOpen };
    await this.count();
  }

  async count() {
    const { id, cells } = this.grid;
    const measure = this.measure.value;
    const { isWhole } = actionsOf(cells);
    this.linkTo(id);
    const told = await get(`${PROBES}/${encodeURIComponent(id)}?measure=${this.query}`);
    if (id !== this.which.value || measure !== this.measure.value) return;
    const hint = [HINTS[measure] ?? BY_DETECTOR, isWhole || measure === NONE ? "" : LATER];
    this.one.querySelector(".probe-hint").textContent = hint.join(" ");
    const findings = isWhole && measure !== NONE ? told.findings : [];
    const items = findings.map((text) => make("li", {}, text));
    this.one.querySelector(".probe-findings").replaceChildren(...items);
    this.one.querySelector(".probe-tables").replaceChildren(...tablesOf(told, isWhole));
  }

  get query() {
    return encodeURIComponent(this.measure.value);
  }

  linkTo(id) {
    const probe = `${PROBES}/${encodeURIComponent(id)}`;
    for (const [of, path, name] of [
      ["sheet", `${gridOf(id)}/sheet`, `probe-${id}.png`],
      ["csv", `${probe}/csv?measure=${this.query}`, `probe-${id}.csv`],
      ["json", `${probe}?measure=${this.query}`, `probe-${id}.json`],
    ]) {
      const link = this.one.querySelector(`[data-of=${of}]`);
      [link.href, link.download] = [address(path), name];
    }
  }

  offerMeasures() {
    const found = detectors().filter(({ installed }) => installed);
    const [judge, none] = OWN;
    const all = [judge, ...found.map(({ name, title }) => [name, title || name]), none];
    const chosen = this.measure.value || JUDGE;
    this.measure.replaceChildren(...all.map(([name, title]) => new Option(title, name)));
    this.measure.value = all.some(([name]) => name === chosen) ? chosen : JUDGE;
  }
}
