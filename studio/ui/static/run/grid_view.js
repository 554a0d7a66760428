// A grid's pictures as a table, as they come.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import * as pictures from "../shared/pictures.js";
import { get, send } from "../shared/server.js";

const LOOK_MS = 1000;
const MOST_MS = 30_000;
const STATES = {
  queued: "Waiting",
  loading: "Loading",
  running: "Drawing",
  failed: "Failed",
  cancelled: "Stopped",
  paused: "Paused",
  forgotten: "Gone",
};
const OPEN = ["queued", "loading", "running"];
const placeOf = (id) => `studio/v1/grids/${encodeURIComponent(id)}`;
const key = (place) => place.join();

let shown = null;

export function gridView(dialog, session) {
  shown = new GridView(dialog, session.viewer);
}

/** Show `grid`, as the studio answers it, while it is drawn and after. */
export const openGrid = (grid) => shown.open(grid);

class GridView {
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
    on("pause", () => this.change("pause"));
    on("resume", () => this.change("resume"));
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
    const sheets = grid.z.labels.map((label, at) =>
      make("option", { value: String(at), textContent: label || "All" }),
    );
    this.select.replaceChildren(...sheets);
    this.sheets.hidden = sheets.length < 2;
    this.build();
    this.dialog.showModal();
    this.look();
  }

  /** The table, empty. */
  build() {
    const { x, y, columns } = this.grid;
    this.cells.clear();
    const [head, rows] = columns ? [null, this.rowsOf(columns)] : [this.head(x), this.rows(x, y)];
    this.table.replaceChildren(
      make("table", {}, head && make("thead", {}, head), make("tbody", {}, ...rows)),
    );
    this.draw();
  }

  cell(across, down) {
    const cell = make("td");
    this.cells.set(key([across, down, this.z]), { cell, shown: "" });
    return cell;
  }

  head(x) {
    const labels = x.labels.map((label) => make("th", { scope: "col", textContent: label }));
    return make("tr", {}, make("td"), ...labels);
  }

  rows(x, y) {
    return y.labels.map((label, down) => {
      const cells = x.labels.map((_, across) => this.cell(across, down));
      return make("tr", {}, make("th", { scope: "row", textContent: label }), ...cells);
    });
  }

  /** The pictures of one axis, row after row. */
  rowsOf(columns) {
    const rows = [];
    for (const [at] of this.grid.x.labels.entries()) {
      if (at % columns === 0) rows.push(make("tr"));
      rows.at(-1).append(this.cell(at, 0));
    }
    return rows;
  }

  draw() {
    const { grid } = this;
    for (const one of grid.cells) this.drawCell(one);
    const isOpen = grid.cells.some(({ state }) => OPEN.includes(state));
    const lacks = grid.cells.some(({ state }) =>
      ["failed", "cancelled", "forgotten"].includes(state),
    );
    this.state.textContent = `${grid.finished} of ${grid.count} drawn`;
    const isPaused = grid.cells.some(({ state }) => state === "paused");
    const show = (action, isShown) => {
      this.dialog.querySelector(`[data-action=${action}]`).hidden = !isShown;
    };
    show(
      "pause",
      grid.cells.some(({ state }) => state === "queued"),
    );
    show("resume", isPaused);
    show("stop", isOpen);
    show("missing", lacks && !isOpen && !isPaused);
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
      this.insist(image);
      const button = make("button", { type: "button", onclick: () => this.choose(one) }, image);
      known.cell.replaceChildren(button, this.again(one));
      return;
    }
    const words = one.message ?? STATES[one.state] ?? one.state;
    const state = make("span", { className: "grid-wait", textContent: words });
    known.cell.replaceChildren(state, ...(OPEN.includes(one.state) ? [] : [this.again(one)]));
  }

  /** What could not be fetched, as while the studio is away, is fetched again: less and less often. */
  insist(image) {
    let pause = LOOK_MS;
    image.addEventListener("error", () => {
      setTimeout(() => {
        if (image.isConnected && this.dialog.open) image.setAttribute("src", image.src);
      }, pause);
      pause = Math.min(2 * pause, MOST_MS);
    });
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
      .map((line, at) => line.labels[place[at]])
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
