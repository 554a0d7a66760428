// The library: every picture of the studio, as a tab and as a panel beside the picture. It is one
// and the same; only its place differs.

import * as pictures from "../shared/pictures.js";
import { read, write } from "../shared/store.js";
import { isShown, onTab, showTab } from "../shared/tabs.js";
import { task } from "../shared/task.js";
import { Actions } from "./actions.js";
import { bindAsk } from "./ask.js";
import { Boards } from "./boards.js";
import { Cull } from "./cull.js";
import { drawEmpty } from "./empty.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { Imports } from "./imports.js";
import { bindKeys } from "./keys.js";
import { List } from "./list.js";
import { bindPanel, isPanelShown } from "./panel.js";
import { openPicture } from "./picture.js";
import { bindPointer } from "./pointer.js";
import { Selection } from "./selection.js";
import { Toolbar } from "./toolbar.js";

const NEWS_MS = 10000;
const RETRY_MS = 5000;

export function library(element, session) {
  new Library(element, session);
}

class Library {
  constructor(root, session) {
    this.root = root;
    this.list = new List(pictures.page);
    this.selection = new Selection();
    this.grid = new Grid(root.querySelector(".library-grid"), this.list, this.selection);
    this.actions = new Actions((words, undo) => this.say(words, undo), session.viewer);
    this.boards = new Boards(root.querySelector(".shelves"), {
      take: (shelf) => this.filters.take(shelf),
      dropped: (name, id) => this.actions.board(this.withSelected(id), name),
    });
    this.filters = new Filters(root, () => this.find());
    this.toolbar = new Toolbar(root, {
      act: (name, detail) => this.act(name, detail),
      targets: () => this.targets(),
      boards: (entries) => this.boards.menu(entries),
    });
    this.imports = new Imports(root, (words) => this.say(words));
    this.cull = new Cull(root, {
      list: this.list,
      actions: this.actions,
      undo: () => this.toolbar.takeBack(),
      boardNamed: (number) => this.boards.named(number),
      closed: (id) => this.goTo(id),
    });
    bindAsk(root);
    bindKeys(this);
    bindPointer(this);
    bindPanel(root, () => this.look());
    this.bindSize();
    this.listen();
  }

  listen() {
    this.ids = [];
    this.list.news.on((what) => this.listChanged(what));
    pictures.changed.on((change) => {
      this.list.heard(change);
      if (this.isSeen) this.boards.look();
    });
    pictures.came.on(() => this.isSeen && this.list.renew());
    onTab(() => this.look());
    // Whoever goes to the tab finds it filled.
    const link = document.querySelector(".tabs a[href='#library']");
    link.addEventListener("pointerenter", () => !this.list.isKnown && this.find());
    document.addEventListener("visibilitychange", () => this.look());
    setInterval(() => this.isSeen && this.look(), NEWS_MS);
    this.look();
  }

  /** Is it in sight, as the tab or as the panel? */
  get isSeen() {
    return !document.hidden && (isShown("library") || isPanelShown());
  }

  /** It may have come into sight. */
  look() {
    if (!this.isSeen) return;
    this.grid.render();
    if (!this.list.isKnown) this.find();
    else this.list.renew();
    this.boards.look();
  }

  find() {
    return this.list.find(this.filters.all);
  }

  clearFilters() {
    this.filters.clear();
    this.boards.shelf = this.filters.shelf;
    this.boards.draw();
  }

  listChanged(what) {
    const { ids } = this.list;
    if (what !== "more") this.selection.keep(this.ids, ids);
    this.ids = ids;
    this.grid.follow(what);
    drawEmpty(this);
    if (this.list.error && this.list.entries.length) this.lacks();
    this.tell();
  }

  /** The next page did not come: said, and tried again after a while. */
  lacks() {
    this.say(this.list.error.message);
    setTimeout(() => {
      this.list.error = null;
      this.grid.render();
    }, RETRY_MS);
  }

  tell() {
    this.toolbar.show({
      selected: this.selection.ids.size,
      total: this.list.total,
      isTrash: this.filters.shelf.trashed,
      isBoard: Boolean(this.filters.shelf.board),
      isKnown: this.list.isKnown,
    });
  }

  say(words, undo) {
    this.toolbar.say(words, undo);
    if (this.cull.dialog.open) this.cull.say(words);
  }

  // The selection

  /** What an action is for: the selected, else the one that the keys are at. */
  targets() {
    const { ids, active } = this.selection;
    const wanted = ids.size ? this.list.ids.filter((id) => ids.has(id)) : [active];
    return wanted.map((id) => this.list.entry(id)).filter(Boolean);
  }

  /** The selected ones if `id` is among them, else that one. */
  withSelected(id) {
    if (this.selection.has(id)) return this.targets();
    return [this.list.entry(id)].filter(Boolean);
  }

  /** `change` the selection, and show it. */
  select(change) {
    change(this.selection);
    this.grid.show();
    this.tell();
  }

  /** The keys go to the picture `id`. */
  goTo(id) {
    const index = this.list.places.get(id);
    if (index === undefined) return;
    this.select((selection) => selection.move(id));
    this.grid.reveal(index);
    this.grid.focus();
  }

  // What is done

  act(name, detail) {
    const entries = this.targets();
    if (name === "none") return this.select((selection) => selection.clear());
    if (name === "cull") return this.cull.open(entries[0]?.id);
    if (name === "empty") return this.actions.empty(this.list);
    if (name === "export") return this.actions.export(this.list);
    if (entries.length === 0) return;
    if (name === "open") return this.open(entries[0].id);
    if (name === "compare") return this.compare(entries);
    if (name === "board" && !detail) return this.actions.newBoard(entries);
    return this.actions[name](entries, detail);
  }

  /** Show the picture large, on its own page. */
  open(id) {
    return openPicture(id, this.list.ids);
  }

  /** Show the picture in the stage, which the panel stands beside. */
  showBeside(id) {
    return this.actions.trying(async () => this.actions.show(await pictures.details(id)));
  }

  /** Two of them, one over the other. */
  compare([one, other]) {
    if (other) openPicture(one.id, [one.id, other.id], other.id);
  }

  // Its looks

  bindSize() {
    const track = this.root.querySelector(".tile-size");
    track.value = read("library-tiles", 160);
    const resize = () => {
      this.grid.resize(Number(track.value));
      write("library-tiles", Number(track.value));
    };
    track.addEventListener("input", resize);
    this.grid.resize(Number(track.value));
  }

  leave() {
    showTab(task().replaceAll("_", "-"));
  }
}
