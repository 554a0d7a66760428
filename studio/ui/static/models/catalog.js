// The Models tab: everything that lies in the models folders, as cards or as a table, which searches
// and sorts.

import { icon, make } from "../shared/dom.js";
import * as known from "../shared/models.js";
import { Rows } from "../shared/rows.js";
import { warmNames } from "../shared/status.js";
import { read, write } from "../shared/store.js";
import { isShown, onTab } from "../shared/tabs.js";
import { KIND_NAMES, kindName, size } from "../shared/words.js";
import { cardOf, shape } from "./cards.js";
import { Details } from "./details.js";
import { Downloads } from "./downloads.js";

const ROW_PX = 40;
const COLUMNS = {
  name: { title: "Name", key: (one) => one.name.toLowerCase() },
  kind: { title: "Kind", key: (one) => KIND_ORDER.indexOf(one.kind) },
  family: { title: "Family", key: (one) => (one.family ?? "~").toLowerCase() },
  dtype: { title: "Precision", key: (one) => one.dtype },
  size_bytes: { title: "Size", key: (one) => one.size_bytes },
  short_hash: { title: "Hash", key: (one) => one.short_hash ?? "~" },
  modified_s: { title: "Added", key: (one) => -one.modified_s },
};
const KIND_ORDER = Object.keys(KIND_NAMES);
const SPECIAL = { favourite: "Favourites", broken: "Broken", duplicate: "Duplicates" };

export function catalog(element) {
  const one = new Catalog(element);
  known.onModels(() => one.update());
  onTab((name) => name === "models" && one.opened());
  if (isShown("models")) one.opened();
  else known.look();
  known.watchModels(() => isShown("models"));
}

class Catalog {
  constructor(root) {
    this.root = root;
    this.search = root.querySelector("input[type=search]");
    this.kinds = root.querySelector(".kinds");
    this.family = root.querySelector("select");
    this.body = root.querySelector(".table-body");
    this.empty = root.querySelector(".table-empty");
    this.foot = root.querySelector(".catalog-foot");
    this.view = { kind: "", sort: "name", down: false, look: "", ...read("catalog", {}) };
    this.chosen = null;
    this.items = []; // what is listed, in its order
    this.columns = 1;
    this.rows = new Rows(this.body, ROW_PX, (row, index) =>
      this.isCards ? this.cards(row, index) : this.row(row, index),
    );
    new ResizeObserver(() => this.isCards && this.layOut()).observe(this.body);
    this.details = new Details(root.querySelector(".details"), {
      close: () => this.choose(null),
      thrown: (model, id) => this.offerUndo(model, id),
    });
    this.downloads = new Downloads(root);
    this.drawHead();
    this.bind();
    this.update();
  }

  /** Until somebody chooses it is cards as soon as a model has a picture. */
  get isCards() {
    const { kind, look } = this.view;
    if (kind === "broken") return false;
    return look ? look === "cards" : known.models().some((one) => one.cover_url);
  }

  bind() {
    this.look = this.root.querySelector("[data-action=look]");
    this.look.addEventListener("click", () => {
      this.remember({ look: this.isCards ? "rows" : "cards" });
      this.fill();
    });
    this.search.addEventListener("input", () => this.fill());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.body.focus();
    });
    this.family.addEventListener("change", () => this.fill());
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.root.querySelector("[data-action=refresh]").addEventListener("click", (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      known
        .refresh()
        .catch((error) => this.say(error.message))
        .finally(() => {
          button.disabled = false;
        });
    });
  }

  opened() {
    this.rows.render();
    known.look();
    this.downloads.look();
  }

  drawHead() {
    const head = this.root.querySelector(".table-head");
    this.heads = Object.entries(COLUMNS).map(([name, { title }]) => {
      const sort = () => this.sortBy(name);
      const button = make("button", { type: "button", onclick: sort }, title, icon("chevron"));
      return make("div", { role: "columnheader", className: `col-${name}` }, button);
    });
    head.replaceChildren(...this.heads);
  }

  sortBy(name) {
    const down = this.view.sort === name && !this.view.down;
    this.remember({ sort: name, down });
    this.fill();
  }

  remember(change) {
    Object.assign(this.view, change);
    write("catalog", this.view);
  }

  update() {
    this.drawKinds();
    this.drawFamilies();
    this.fill();
    if (!this.chosen) return;
    const fresh = known.modelNamed(this.chosen.kind, this.chosen.name);
    if (fresh || !this.chosen.reason) this.choose(fresh ?? null, false);
  }

  drawKinds() {
    const counts = {
      favourite: known.models().filter((one) => one.favourite).length,
      broken: known.broken().length,
      duplicate: known.duplicates().flat().length,
    };
    for (const { kind } of known.models()) counts[kind] = (counts[kind] ?? 0) + 1;
    const all = { "": "All", ...KIND_NAMES, ...SPECIAL };
    const wanted = Object.entries(all).filter(([kind]) => !kind || counts[kind]);
    if (!wanted.some(([kind]) => kind === this.view.kind)) this.view.kind = "";
    this.kinds.replaceChildren(
      ...wanted.map(([kind, title]) =>
        make(
          "button",
          {
            type: "button",
            className: kind in SPECIAL ? "special" : "",
            "aria-pressed": String(kind === this.view.kind),
            onclick: () => {
              this.remember({ kind });
              this.drawKinds();
              this.fill();
            },
          },
          title,
          make("span", { textContent: kind ? counts[kind] : known.models().length }),
        ),
      ),
    );
  }

  drawFamilies() {
    const families = [
      ...new Set(
        known
          .models()
          .map((one) => one.family)
          .filter(Boolean),
      ),
    ].sort();
    const chosen = this.family.value;
    this.family.replaceChildren(
      new Option("All families", ""),
      ...families.map((name) => new Option(name, name)),
    );
    this.family.value = families.includes(chosen) ? chosen : "";
  }

  /** The rows that are wanted, sorted. */
  fill() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = this.family.value;
    const fits = (one) => {
      if (family && one.family !== family) return false;
      return words.every((word) => textOf(one).includes(word));
    };
    const items = this.ofKind().filter(fits);
    if (this.view.kind !== "duplicate") this.order(items);
    for (const head of this.heads) {
      const isSorted = head.classList.contains(`col-${this.view.sort}`);
      head.ariaSort = isSorted ? (this.view.down ? "descending" : "ascending") : "none";
    }
    this.body.parentElement.dataset.kind = this.view.kind;
    this.items = items;
    this.layOut();
    this.empty.textContent = items.length ? "" : this.whyEmpty();
    this.tellFoot(items);
  }

  /** The rows of the list: a model each, or as many cards as fit. */
  layOut() {
    const { items, isCards } = this;
    const { columns, height } = isCards
      ? shape(this.body.clientWidth)
      : { columns: 1, height: ROW_PX };
    Object.assign(this, { columns });
    this.rows.height = height;
    this.body.parentElement.dataset.look = isCards ? "cards" : "rows";
    const label = isCards ? "As rows" : "As cards";
    this.look.setAttribute("aria-label", label);
    this.look.title = label;
    const count = Math.ceil(items.length / columns);
    const rows = isCards
      ? Array.from({ length: count }, (_, at) => items.slice(at * columns, (at + 1) * columns))
      : items;
    this.body.style.setProperty("--columns", String(columns));
    this.rows.set(rows);
    this.body.setAttribute("aria-rowcount", String(count + (isCards ? 0 : 1))); // with the head
  }

  ofKind() {
    const { kind } = this.view;
    if (kind === "favourite") return known.models().filter((one) => one.favourite);
    if (kind === "broken") return known.broken().map(brokenRow);
    if (kind === "duplicate") {
      return known
        .duplicates()
        .flatMap((group) => group.map((one) => known.modelNamed(one.kind, one.name)))
        .filter(Boolean);
    }
    return known.models(kind || undefined);
  }

  order(items) {
    const { key } = COLUMNS[this.view.sort] ?? COLUMNS.name;
    const sign = this.view.down ? -1 : 1;
    items.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x !== y) return x < y ? -sign : sign;
      return a.name < b.name ? -1 : 1;
    });
  }

  whyEmpty() {
    if (!known.isKnown()) return "Reading the list of models";
    if (this.search.value || this.family.value)
      return "Nothing fits. Change the search or the filters.";
    return "No models yet. Download one, or start the studio with --models-dir FOLDER.";
  }

  tellFoot(items) {
    if (this.undo) return;
    const bytes = items.reduce((sum, one) => sum + (one.size_bytes ?? 0), 0);
    const count = items.length === 1 ? "1 model" : `${items.length} models`;
    this.foot.textContent =
      items.length && this.view.kind !== "broken" ? `${count} · ${size(bytes)}` : "";
  }

  isChosen(one) {
    return this.chosen !== null && one.kind === this.chosen.kind && one.name === this.chosen.name;
  }

  cards(some, row) {
    const cards = some.map((one, at) =>
      cardOf(one, {
        id: `model-${row * this.columns + at}`,
        isChosen: this.isChosen(one),
        isWarm: isWarm(one),
        choose: () => this.choose(one),
        say: (words) => this.say(words),
      }),
    );
    return make("div", { role: "row", className: "model-cards" }, ...cards);
  }

  row(one, index) {
    const cells = one.reason ? [cell("name", one.name), cell("reason", one.reason)] : cellsOf(one);
    return make(
      "div",
      {
        role: "row",
        className: "model-row",
        id: `model-${index}`,
        "aria-selected": String(this.isChosen(one)),
        onclick: () => this.choose(one),
      },
      ...cells,
    );
  }

  choose(one, moves = true) {
    this.chosen = one;
    this.details.show(one);
    this.root.classList.toggle("has-details", one !== null);
    this.rows.render();
    const index = this.items.indexOf(one);
    if (index >= 0 && moves) {
      this.body.setAttribute("aria-activedescendant", `model-${index}`);
      this.rows.scrollTo(Math.floor(index / this.columns));
    }
  }

  key(event) {
    if (event.key === "Escape") this.choose(null);
    const down = this.columns;
    const across = this.isCards ? { ArrowRight: 1, ArrowLeft: -1 } : {};
    const steps = { ArrowDown: down, ArrowUp: -down, PageDown: 10 * down, PageUp: -10 * down };
    const step = { ...steps, ...across }[event.key];
    if (!step || this.items.length === 0) return;
    event.preventDefault();
    const { items } = this;
    const at = items.findIndex((one) => this.isChosen(one));
    this.choose(items[Math.max(0, Math.min(items.length - 1, at + (at < 0 ? 1 : step)))]);
  }

  say(words) {
    this.foot.textContent = words;
  }

  offerUndo(model, id) {
    const back = make("button", { type: "button", className: "plain", textContent: "Undo" });
    back.addEventListener("click", async () => {
      this.undo = null;
      await known.bringBack(id).catch((error) => this.say(error.message));
    });
    clearTimeout(this.undo);
    this.undo = setTimeout(() => {
      this.undo = null;
      this.fill();
    }, 30000);
    this.foot.replaceChildren(`${model.name} was moved to the trash.`, back);
    this.choose(null);
  }
}

const brokenRow = ({ path, reason }) => ({
  kind: "broken",
  name: path.split(/[\\/]/).pop(),
  path,
  reason,
  size_bytes: 0,
  trigger_words: [],
});

const texts = new WeakMap();

/** All that a search looks through. */
function textOf(one) {
  if (!texts.has(one)) {
    const parts = [one.name, one.title, one.path, one.notes, one.reason, one.short_hash];
    texts.set(one, parts.concat(one.trigger_words).join(" ").toLowerCase());
  }
  return texts.get(one);
}

const cell = (name, ...inside) =>
  make("span", { role: "cell", className: `col-${name}` }, ...inside);

const isWarm = (one) => one.kind === "checkpoint" && warmNames().includes(one.name);

function cellsOf(one) {
  const name = make("span", { className: "model-name", textContent: one.name, title: one.name });
  const warm = isWarm(one)
    ? make("span", { className: "warm", title: "In memory", textContent: "warm" })
    : null;
  return [
    cell("name", name, one.favourite ? icon("star") : null, warm),
    cell("kind", kindName(one.kind)),
    cell("family", one.family ?? "unknown"),
    cell("dtype", one.dtype),
    cell("size_bytes", size(one.size_bytes)),
    cell("short_hash", one.short_hash ?? ""),
    cell("modified_s", new Date(1000 * one.modified_s).toLocaleDateString()),
  ];
}
