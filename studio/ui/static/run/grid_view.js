// A grid's pictures as a table, as they come.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import * as pictures from "../shared/pictures.js";
import { get, send } from "../shared/server.js";

const LOOK_MS = 1000;
const STATES = {
  queued: "Waiting",
  loading: "Loading",
  running: "Drawing",
  failed: "Failed",
  cancelled: "Stopped",
  forgotten: "Gone",
};
const OPEN = ["queued", "loading", "running"];
const placeOf = (id) => `studio/v1/grids/${encodeURIComponent(id)}`;
const key = (place) => place.join();

export class GridView {
  /** `viewer` shows a picture that is chosen. */
  constructor(dialog, viewer) {
    this.dialog = dialog;
    this.viewer = viewer;
    this.grid = null;
    this.timer = 0;
    this.z = 0;
    this.table = dialog.querySelector(".grid-table");
    this.state = dialog.querySelector(".grid-state");
    this.sheets = dialog.querySelector(".grid-sheets");
    this.select = this.sheets.querySelector("select");
    this.link = dialog.querySelector("[data-action=sheet]");
    this.cells = new Map();
    const on = (action, act) =>
      dialog.querySelector(`[data-action=${action}]`).addEventListener("click", act);
    on("close", () => dialog.close());
    on("stop", () => this.change("cancel"));
    on("missing", () => this.change("again", {}));
    this.select.addEventListener("change", () => {
      this.z = Number(this.select.value);
      this.build();
    });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.addEventListener("close", () => clearTimeout(this.timer));
  }

  open(grid) {
    this.grid = grid;
    this.z = 0;
    const labels = grid.z.values.map((value, at) => {
      const textContent = labelOf(grid.z, value) || "All";
      return make("option", { value: String(at), textContent });
    });
    this.select.replaceChildren(...labels);
    this.sheets.hidden = grid.z.values.length < 2;
    this.build();
    this.dialog.showModal();
    this.look();
  }

  /** The table, empty. */
  build() {
    const { x, y } = this.grid;
    this.cells.clear();
    const head = make(
      "tr",
      {},
      make("td"),
      ...x.values.map((value) => make("th", { scope: "col", textContent: labelOf(x, value) })),
    );
    const rows = y.values.map((value, down) => {
      const cells = x.values.map((_, across) => {
        const cell = make("td");
        this.cells.set(key([across, down, this.z]), { cell, shown: "" });
        return cell;
      });
      return make("tr", {}, make("th", { scope: "row", textContent: labelOf(y, value) }), ...cells);
    });
    this.table.replaceChildren(
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    );
    this.draw();
  }

  draw() {
    const { grid } = this;
    for (const one of grid.cells) this.drawCell(one);
    const isOpen = grid.cells.some(({ state }) => OPEN.includes(state));
    const lacks = grid.cells.some(({ state }) =>
      ["failed", "cancelled", "forgotten"].includes(state),
    );
    this.state.textContent = `${grid.finished} of ${grid.count} drawn`;
    this.dialog.querySelector("[data-action=stop]").hidden = !isOpen;
    this.dialog.querySelector("[data-action=missing]").hidden = !lacks || isOpen;
    this.link.href = address(`${placeOf(grid.id)}/sheet?z=${this.z}`);
    this.link.download = `grid-${grid.id}-${this.z + 1}.png`;
    return isOpen;
  }

  drawCell(one) {
    const known = this.cells.get(key(one.place));
    const shown = `${one.state} ${one.image ?? ""}`;
    if (!known || known.shown === shown) return;
    known.shown = shown;
    if (one.image) {
      const image = make("img", {
        src: address(`studio/v1/images/${one.image}/thumbnail?side=256`),
        alt: this.wordsOf(one),
        loading: "lazy",
      });
      const button = make("button", { type: "button", onclick: () => this.choose(one) }, image);
      known.cell.replaceChildren(button, this.again(one));
      return;
    }
    const words = one.message ?? STATES[one.state] ?? one.state;
    const state = make("span", { className: "grid-wait", textContent: words });
    known.cell.replaceChildren(state, ...(OPEN.includes(one.state) ? [] : [this.again(one)]));
  }

  /** Draws a cell once more. */
  again(one) {
    return make("button", {
      type: "button",
      className: "plain grid-again",
      textContent: "Draw again",
      "aria-label": `Draw again: ${this.wordsOf(one)}`,
      onclick: () => this.change("again", { places: [one.place] }),
    });
  }

  wordsOf({ place }) {
    const lines = [this.grid.x, this.grid.y, this.grid.z];
    return lines
      .map((line, at) => labelOf(line, line.values[place[at]]))
      .filter(Boolean)
      .join(", ");
  }

  async choose({ image }) {
    this.dialog.close();
    try {
      await this.viewer.open(await pictures.details(image));
    } catch (error) {
      this.viewer.say(error.message);
    }
  }

  async change(what, json) {
    try {
      this.grid = await send("POST", `${placeOf(this.grid.id)}/${what}`, json);
      this.look();
    } catch (error) {
      this.state.textContent = error.message;
    }
  }

  /** As long as it is open and something is to come. */
  async look() {
    clearTimeout(this.timer);
    const before = new Set(this.grid.cells.map(({ image }) => image));
    try {
      this.grid = await get(placeOf(this.grid.id));
    } catch (error) {
      this.state.textContent = error.message;
    }
    const images = this.grid.cells.map(({ image }) => image);
    const came = images.filter((image) => image && !before.has(image));
    if (came.length) pictures.came.tell(came);
    const isOpen = this.draw();
    if (isOpen && this.dialog.open) this.timer = setTimeout(() => this.look(), LOOK_MS);
  }
}

/** "Steps: 5"; words that take the place of others stand for themselves. */
function labelOf({ axis, values }, value) {
  if (axis === "Nothing" || values.length === 0) return "";
  return ["Prompt S/R", "Prompt order", "Size"].includes(axis) ? value : `${axis}: ${value}`;
}
