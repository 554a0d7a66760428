// Cull mode: one picture, as large as the window, to be kept, starred or thrown away; then the next.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { timeWords } from "./days.js";

const BESIDE = 12; // in the strip, at each side
const AHEAD = 2;
const SAID_MS = 4000;

export class Cull {
  /**
   * of.list             the pictures
   * of.actions          star, trash, board, as `actions.js` does them
   * of.undo()           takes back what was done last; false if there is nothing
   * of.boardNamed(n)    the board that the key n is for
   * of.closed(id)       the picture that was looked at last
   */
  constructor(root, of) {
    this.of = of;
    this.dialog = /** @type {HTMLDialogElement} */ (root.querySelector(".cull"));
    this.find = (name) => this.dialog.querySelector(name);
    this.id = null;
    this.image = null;
    this.tiles = new Map();
    const acts = {
      before: () => this.step(-1),
      after: () => this.step(1),
      star: () => this.do("star"),
      trash: () => this.do("trash"),
      undo: () => of.undo() || this.say("There is nothing to undo"),
      full: () => this.full(),
      close: () => this.dialog.close(),
    };
    for (const [name, act] of Object.entries(acts)) {
      this.find(`[data-action=${name}]`).addEventListener("click", act);
    }
    this.dialog.addEventListener("keydown", (event) => this.key(event, acts));
    this.dialog.addEventListener("close", () => this.closed());
    this.find(".cull-strip").addEventListener("click", ({ target }) => {
      const { id } = target.closest("[data-id]")?.dataset ?? {};
      if (id) this.show(id);
    });
    of.list.news.on(() => this.dialog.open && this.listChanged());
  }

  open(id) {
    const { list } = this.of;
    this.dialog.showModal();
    this.dialog.focus();
    this.show(list.entry(id) ? id : list.entries[0]?.id);
  }

  get index() {
    return this.of.list.places.get(this.id);
  }

  step(by) {
    const { list } = this.of;
    const next = list.entries[this.index + by];
    if (next) this.show(next.id);
    else if (by > 0) this.say(list.isWhole ? "That was the last one" : "The next ones are coming");
    else this.say("This is the first one");
  }

  do(name, detail) {
    const one = this.of.list.entry(this.id);
    if (one) this.of.actions[name]([one], detail);
  }

  /** The list lost or got pictures: what took the place of the one shown comes next. */
  listChanged() {
    const { list } = this.of;
    if (list.entries.length === 0) this.dialog.close();
    else if (list.entry(this.id)) this.show(this.id);
    else this.show(list.entries[Math.min(this.at, list.entries.length - 1)].id);
  }

  show(id) {
    const { list } = this.of;
    const one = list.entry(id);
    if (!one) return this.dialog.close();
    this.id = id;
    this.at = this.index;
    this.put(one);
    const place = `${this.at + 1} of ${list.total.toLocaleString()}`;
    this.find(".cull-place").textContent = place;
    this.find(".cull-words").textContent = one.prompt || "Without a prompt";
    this.find(".cull-words").title = `${one.prompt}\n${timeWords(one.created)}, seed ${one.seed}`;
    this.find("[data-action=star]").setAttribute("aria-pressed", String(one.starred));
    this.find("[data-action=before]").disabled = this.at === 0;
    this.find("[data-action=after]").disabled = this.at === list.total - 1;
    this.drawStrip();
    for (let ahead = 1; ahead <= AHEAD; ahead++) {
      const next = list.entries[this.at + ahead];
      if (next) new Image().src = address(next.url);
    }
    if (list.next !== null && this.at + 50 > list.entries.length) list.reach(this.at + 100);
  }

  /** The thumbnail at once, the picture itself when it is decoded. */
  put(one) {
    if (this.image?.dataset.id === one.id) return;
    const image = make("img", { alt: one.prompt || "Picture", "data-id": one.id });
    image.width = one.width;
    image.height = one.height;
    image.src = address(one.thumbnail_url);
    this.find(".cull-stage").replaceChildren(image);
    this.image = image;
    const full = new Image();
    full.src = address(one.url);
    full.decode().then(
      () => {
        if (this.image === image) image.src = full.src;
      },
      () => this.image === image && this.say("This picture cannot be loaded (any more)."),
    );
  }

  drawStrip() {
    const { entries } = this.of.list;
    const shown = entries.slice(Math.max(0, this.at - BESIDE), this.at + BESIDE + 1);
    const tiles = shown.map((one) => this.tiles.get(one.id) ?? stripTile(one));
    this.tiles = new Map(tiles.map((tile) => [tile.dataset.id, tile]));
    const strip = this.find(".cull-strip");
    strip.replaceChildren(...tiles);
    for (const [id, tile] of this.tiles) {
      tile.classList.toggle("starred", this.of.list.entry(id).starred);
      tile.toggleAttribute("data-current", id === this.id);
    }
    const current = this.tiles.get(this.id);
    strip.scrollLeft = current.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;
  }

  key(event, acts) {
    event.stopPropagation(); // the page's own keys rest
    if (event.key === "Escape") return;
    const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
    if (isUndo) {
      event.preventDefault();
      acts.undo();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const names = {
      ArrowLeft: "before",
      ArrowRight: "after",
      s: "star",
      Delete: "trash",
      Backspace: "trash",
      x: "trash",
      u: "undo",
      f: "full",
    };
    const name = names[event.key] ?? names[event.key.toLowerCase()];
    const board = /^[1-5]$/.test(event.key) && this.of.boardNamed(Number(event.key));
    if (board) this.do("board", board);
    if (!name || (event.repeat && name !== "before" && name !== "after")) return;
    event.preventDefault();
    acts[name]();
  }

  say(words) {
    this.find(".cull-said").textContent = words;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.find(".cull-said").textContent = "";
    }, SAID_MS);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.dialog.requestFullscreen().catch(() => {});
  }

  closed() {
    if (document.fullscreenElement) document.exitFullscreen();
    this.find(".cull-stage").replaceChildren();
    this.image = null;
    this.of.closed(this.id);
  }
}

function stripTile(one) {
  const image = make("img", { alt: "", decoding: "async", src: address(one.thumbnail_url) });
  return make("span", { "data-id": one.id }, image);
}
