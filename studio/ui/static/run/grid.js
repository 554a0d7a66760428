// A grid: one request at the values of up to three axes, each cell an ordinary job.

import { asked, onChange } from "../settings/form.js";
import { make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { onTab } from "../shared/tabs.js";
import { foretelling } from "./foretelling.js";
import { openGrid } from "./grid_view.js";

const PATH = "studio/v1/grids";
const NAMES = ["x", "y", "z"];
const NOTHING = "Nothing";

export function grid(root, session) {
  const plot = new Plot(root, session);
  const group = root.closest(".group");
  const begin = () => !group.classList.contains("folded") && plot.begin();
  group.querySelector(".group-head").addEventListener("click", () => setTimeout(begin));
  onTab(begin);
  begin();
}

class Plot {
  constructor(root, session) {
    this.session = session;
    this.axes = root.querySelector(".grid-axes");
    this.words = root.querySelector(".grid-words");
    this.draw = root.querySelector("[data-action=draw]");
    this.show = root.querySelector("[data-action=show]");
    this.rows = read("grid", {});
    this.vary = [...root.querySelectorAll(".grid-vary input")];
    for (const box of this.vary) box.addEventListener("change", () => this.varied(box));
    this.forecast = foretelling(
      () => this.wanted(),
      (words) => this.say(words),
    );
    this.hasBegun = false;
    this.draw.addEventListener("click", () => this.submit());
    this.show.addEventListener("click", () => this.showLast());
  }

  /** What there is to choose from is asked for once somebody looks. */
  async begin() {
    if (this.hasBegun) return;
    this.hasBegun = true;
    try {
      const { axes } = await get("studio/v1/axes");
      const titles = [NOTHING, ...axes.map(({ axis }) => axis)];
      this.axes.replaceChildren(...NAMES.map((name) => this.row(name, titles)));
      const { grids } = await get(`${PATH}?limit=1`);
      this.show.hidden = grids.length === 0;
    } catch (error) {
      this.hasBegun = false;
      this.say(error.message);
      return;
    }
    onChange(() => this.foretell());
    this.foretell();
  }

  row(name, titles) {
    const own = this.rows[name] ?? { axis: NOTHING, values: "" };
    const options = titles.map((title) => make("option", { textContent: title, value: title }));
    const label = `${name.toUpperCase()} axis`;
    const select = make("select", { "aria-label": label }, ...options);
    select.value = titles.includes(own.axis) ? own.axis : NOTHING;
    const values = make("input", {
      type: "text",
      value: own.values,
      spellcheck: false,
      maxLength: 20_000,
      "aria-label": `Values of the ${label}`,
      placeholder: "Values",
    });
    const vary = this.vary.find((box) => box.name === name);
    const enable = () => {
      for (const one of [values, vary]) one.disabled = select.value === NOTHING;
    };
    const changed = () => {
      this.keep(name, { axis: select.value, values: values.value });
      enable();
    };
    select.addEventListener("change", changed);
    values.addEventListener("input", changed);
    vary.checked = own.vary ?? false;
    enable();
    return make("div", { className: "grid-axis" }, select, values);
  }

  /** Along the axis that `box` names the seeds count on, or no longer do. */
  varied(box) {
    this.keep(box.name, { vary: box.checked });
  }

  keep(name, change) {
    this.rows[name] = { ...this.rows[name], ...change };
    write("grid", this.rows);
    this.foretell();
  }

  /** The axes that are chosen, and along which of them seeds vary; null where there is none. An axis
   * that is left out is none: the next takes its place. */
  chosen() {
    const rows = NAMES.map((name) => this.rows[name]).filter(
      (row) => row && row.axis !== NOTHING && row.values.trim(),
    );
    if (rows.length === 0) return null;
    const names = NAMES.slice(0, rows.length);
    const axes = names.map((name, at) => [name, { axis: rows[at].axis, values: rows[at].values }]);
    return { ...Object.fromEntries(axes), vary_seeds: names.filter((_, at) => rows[at].vary) };
  }

  foretell() {
    this.draw.disabled = !this.chosen();
    this.forecast.soon();
  }

  /** Where a picture is begun with, it may not be there yet. */
  wanted() {
    const [axes, request] = [this.chosen(), asked()];
    if (!axes || request.task.kind !== "text_to_image") return null;
    return { path: `${PATH}/forecast`, json: { request, ...axes } };
  }

  async submit() {
    this.draw.disabled = true;
    try {
      const request = await this.session.request();
      const drawn = await send("POST", PATH, { request, ...this.chosen() });
      this.show.hidden = false;
      openGrid(drawn);
    } catch (error) {
      if (error.isLack) this.session.lacking();
      this.say(error.message);
    }
    this.draw.disabled = this.chosen() === null;
  }

  async showLast() {
    try {
      const [last] = (await get(`${PATH}?limit=1`)).grids;
      if (last) openGrid(last);
    } catch (error) {
      this.say(error.message);
    }
  }

  say(words) {
    this.words.textContent = words;
  }
}
