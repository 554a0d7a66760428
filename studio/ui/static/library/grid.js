// The library's grid: of all rows only those in sight are in the page, and the one that the keys
// are at, so that thousands of pictures cost no more than fifty.

import { make } from "../shared/dom.js";
import { dayOf, dayWords } from "./days.js";
import { Layout } from "./layout.js";
import { load, tileOf, unload, update } from "./tile.js";

const MARGIN_PX = 400;
const FLYING_PX_MS = 4; // faster than anybody sees pictures
const SETTLED_MS = 90;
const AHEAD = 150;
const ACROSS = 3; // at least, in a panel and on a phone

export class Grid {
  /**
   * list       the pictures, as `list.js` has them
   * selection  as `selection.js` has it
   */
  constructor(viewport, list, selection) {
    this.viewport = viewport;
    this.list = list;
    this.selection = selection;
    this.space = make("div", { className: "grid-space", role: "presentation" });
    this.rows = new Map(); // of the layout -> element
    this.tiles = new Map(); // id -> element
    this.side = 160;
    this.last = { top: 0, ms: 0 };
    this.range = [0, 0];
    this.seen = 0; // CSS pixels from top to bottom
    this.isFlying = false;
    viewport.append(this.space);
    viewport.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(viewport);
    this.begin();
  }

  /** The list changed, as it tells; the selection knows of it. */
  follow(what) {
    if (what === "more") this.extend();
    else {
      if (what === "anew") this.viewport.scrollTop = 0;
      this.relay(what === "anew");
    }
  }

  /** The pictures are up to `side` high. */
  resize(side) {
    this.side = side;
    this.relay();
  }

  resized() {
    if (this.width > 0 && this.width !== this.layout.width) this.relay();
    else this.render();
  }

  /** That the pictures have, 0 while the library is not in sight. */
  get width() {
    return this.space.clientWidth;
  }

  begin() {
    const day = (one) => dayOf(one.created);
    const { width } = this;
    this.layout = new Layout({
      width,
      side: Math.min(this.side, width / ACROSS || this.side),
      dayOf: day,
    });
  }

  /** All rows anew; what is in sight stays where it is, unless they are other pictures. */
  relay(isAnew = false) {
    if (this.width === 0) return;
    const { scrollTop } = this.viewport;
    const anchor = isAnew || scrollTop === 0 ? null : this.anchor();
    const hadKeys = this.space.contains(document.activeElement);
    this.begin();
    this.extend();
    const row = anchor && this.layout.rowOf(this.list.places.get(anchor.id));
    if (row) this.viewport.scrollTop = row.top + anchor.below;
    if (hadKeys) this.focus(); // the tiles stand in other rows now
  }

  /** The first picture in sight, and how far below its row's top the sight begins. */
  anchor() {
    const { scrollTop } = this.viewport;
    const [from] = this.layout.between(scrollTop, scrollTop + 1);
    const row = this.layout.rows.slice(from).find((one) => one.day === undefined);
    const id = this.shownIds?.[row?.from];
    return id ? { id, below: scrollTop - row.top } : null;
  }

  extend() {
    const { entries, total } = this.list;
    if (this.width === 0) return;
    if (this.layout.width === 0) this.begin();
    this.layout.extend(entries);
    this.shownIds = this.list.ids;
    this.space.style.height = `${this.layout.heightOf(total)}px`;
    this.viewport.setAttribute("aria-rowcount", this.list.isWhole ? this.layout.rows.length : -1);
    this.render();
  }

  scrolled() {
    const now = performance.now();
    const { scrollTop } = this.viewport;
    const speed = Math.abs(scrollTop - this.last.top) / Math.max(1, now - this.last.ms);
    this.last = { top: scrollTop, ms: now };
    this.isFlying = speed > FLYING_PX_MS;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settled(), SETTLED_MS);
    const range = this.rangeAt(scrollTop);
    if (this.isFlying || String(range) !== String(this.range)) this.render();
  }

  /** Places of the rows in and near sight. */
  rangeAt(scrollTop) {
    return this.layout.between(scrollTop - MARGIN_PX, scrollTop + this.seen + MARGIN_PX);
  }

  settled() {
    this.isFlying = false;
    this.render();
  }

  /** Put into the page what is in sight, and take out what is not. */
  render() {
    const { scrollTop, clientHeight } = this.viewport;
    if (clientHeight === 0) return;
    this.seen = clientHeight;
    this.range = this.rangeAt(scrollTop);
    const [from, to] = this.range;
    const wanted = new Set(this.layout.rows.slice(from, to));
    const active = this.list.places.get(this.selection.active);
    if (active !== undefined) wanted.add(this.layout.rowOf(active));
    wanted.delete(undefined);
    const used = new Set();
    for (const row of wanted) {
      if (!this.rows.has(row)) this.add(row);
      for (let index = row.from; index < row.to; index++) used.add(this.list.entries[index]?.id);
    }
    for (const [row, element] of this.rows) if (!wanted.has(row)) this.drop(row, element);
    for (const [id, tile] of this.tiles) if (!used.has(id)) this.forget(id, tile);
    this.order();
    this.show();
    this.loadMore(to, scrollTop + clientHeight);
  }

  add(row) {
    const isHeading = row.day !== undefined;
    const element = make("div", { role: "row", className: isHeading ? "day" : "pictures" });
    element.style.top = `${row.top}px`;
    element.style.height = `${row.height}px`;
    element.setAttribute("aria-rowindex", String(this.layout.rows.indexOf(row) + 1));
    if (isHeading)
      element.append(make("span", { role: "rowheader", textContent: dayWords(row.day) }));
    else element.append(...row.lefts.map((left, place) => this.tile(row, place, left)));
    this.rows.set(row, element);
  }

  /** They stand in the page as one reads them. */
  order() {
    const sorted = [...this.rows.keys()].sort((a, b) => a.top - b.top);
    let at = this.space.firstElementChild;
    for (const row of sorted) {
      const element = this.rows.get(row);
      if (element === at) at = at.nextElementSibling;
      else this.space.insertBefore(element, at);
    }
  }

  tile(row, place, left) {
    const one = this.list.entries[row.from + place];
    let tile = this.tiles.get(one.id);
    if (!tile) {
      tile = tileOf(one);
      this.tiles.set(one.id, tile);
    }
    tile.style.left = `${left}px`;
    tile.style.width = `${row.widths[place]}px`;
    return tile;
  }

  drop(row, element) {
    element.remove();
    this.rows.delete(row);
  }

  forget(id, tile) {
    unload(tile);
    this.tiles.delete(id);
  }

  /** What is selected, where the keys are, and what else may have changed about those in sight. */
  show() {
    const { active } = this.selection;
    for (const [id, tile] of this.tiles) {
      const one = this.list.entry(id);
      if (one) update(tile, one);
      if (!this.isFlying) load(tile, this.layout.side);
      const isSelected = String(this.selection.has(id));
      if (tile.ariaSelected !== isSelected) tile.ariaSelected = isSelected;
      const at = id === active ? 0 : -1;
      if (tile.tabIndex !== at || !tile.hasAttribute("tabindex")) tile.tabIndex = at;
    }
    this.viewport.tabIndex = this.tiles.has(active) ? -1 : 0;
    this.viewport.classList.toggle("marking", this.selection.isMarking);
  }

  loadMore(lastRow, bottom) {
    if (this.list.error) return;
    const last = this.layout.rows[Math.min(lastRow, this.layout.rows.length) - 1];
    let wanted = (last?.to ?? 0) + AHEAD;
    const beyond = bottom - this.layout.height;
    if (beyond > 0 && this.layout.count > 0) {
      wanted += Math.ceil((beyond / this.layout.height) * this.layout.count);
    }
    if (wanted > this.list.entries.length && this.list.next !== null) this.list.reach(wanted);
  }

  /** Scroll as little as brings the picture `index` into sight. */
  reveal(index) {
    const row = this.layout.rowOf(index);
    if (!row) return;
    const { scrollTop, clientHeight } = this.viewport;
    const at = this.layout.rows.indexOf(row);
    const heading = this.layout.rows[at - 1]?.day === undefined ? row : this.layout.rows[at - 1];
    if (heading.top < scrollTop) this.viewport.scrollTop = heading.top;
    else if (row.top + row.height > scrollTop + clientHeight) {
      this.viewport.scrollTop = row.top + row.height + 4 - clientHeight;
    }
    this.render();
  }

  /** The keys go to the active picture. */
  focus() {
    this.tiles.get(this.selection.active)?.focus({ preventScroll: true });
  }

  /** How many pictures a page up or down leaps over. */
  get perPage() {
    const { clientHeight } = this.viewport;
    const { height, count } = this.layout;
    return height ? Math.max(1, Math.floor((count * clientHeight) / height)) : 1;
  }
}
