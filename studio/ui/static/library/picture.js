// A picture's own page, at /picture/ID: large, with all that is known of it and may be done with it.

import { zoomActions } from "../canvas/zooming.js";
import { takeUp } from "../restore/take_up.js";
import { downloadAs } from "../run/export.js";
import { reproduce } from "../run/reproduce.js";
import { send as sendTo } from "../run/send_to.js";
import { copy } from "../shared/clipboard.js";
import { offerCovers } from "../shared/covers.js";
import { address } from "../shared/data.js";
import { fileAt, save } from "../shared/exports.js";
import { menuOf } from "../shared/menu.js";
import * as pictures from "../shared/pictures.js";
import { showFamily } from "./family.js";
import { PictureView } from "./picture_view.js";
import { tell, untell } from "./picture_words.js";

const PLACE = /\/picture\/([^/]+)$/;
const NO_FAMILY = { ancestors: [], descendants: [], edges: [] };

let page = null;

/** Show the picture `id` on its own page; `among` are the ids to step through, and `against` is one
 * to compare it with. */
export function openPicture(id, among = [id], against = null) {
  page.among = among;
  page.against = against;
  const place = address(`picture/${encodeURIComponent(id)}`);
  if (page.isOpen) history.replaceState({ picture: id }, "", place);
  else history.pushState({ picture: id }, "", place);
  return page.show(id);
}

export function picturePage(element, session) {
  page = new PicturePage(element, session.viewer.offers);
  addEventListener("popstate", () => page.follow());
  page.follow();
}

const idInAddress = () => {
  const found = PLACE.exec(location.pathname);
  return found && decodeURIComponent(found[1]);
};

class PicturePage {
  /** `offer(words, undo)` tells on the page below what was done there. */
  constructor(root, offer) {
    this.root = root;
    this.offer = offer;
    this.view = new PictureView(root);
    this.side = root.querySelector(".picture-side");
    this.said = root.querySelector(".picture-said");
    this.undo = root.querySelector(".picture-undo");
    this.note = root.querySelector(".picture-note textarea");
    this.family = root.querySelector(".picture-family");
    this.among = [];
    this.against = null;
    this.one = null;
    this.relatives = NO_FAMILY;
    this.turn = 0;
    this.bindBar();
    this.bindActions();
    this.bindMenus();
    root.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    root.addEventListener("keydown", (event) => this.key(event));
    pictures.changed.on(({ ids }) => this.isOpen && ids.includes(this.one?.id) && this.refresh());
  }

  get isOpen() {
    return this.root.open;
  }

  /** Be what the address says. */
  follow() {
    const id = idInAddress();
    if (id === null) this.root.close();
    else this.show(id);
  }

  async show(id) {
    const turn = ++this.turn;
    if (!this.isOpen) this.root.showModal();
    this.say("");
    this.one = null;
    untell(this.side);
    this.showPlace(id);
    let about;
    try {
      about = await pictures.details(id);
    } catch (error) {
      if (turn === this.turn) this.lacks(error.message);
      return;
    }
    if (turn !== this.turn) return;
    this.take(about);
    const drawn = this.view.show(about);
    this.relatives = await pictures.lineage(id).catch(() => NO_FAMILY);
    if (turn !== this.turn) return;
    showFamily(this.family, about, this.relatives, (other) => this.to(other));
    await drawn;
    if (turn === this.turn && this.against && this.against !== id) await this.compare(this.against);
    for (const step of [-1, 1]) this.preload(this.neighbour(step));
  }

  lacks(words) {
    this.view.say(words);
    this.root.classList.add("lacking");
    this.family.hidden = true;
  }

  take(about) {
    this.one = about;
    this.root.classList.remove("lacking");
    tell(this.side, about);
    this.note.value = about.note ?? "";
    this.button("star").setAttribute("aria-pressed", String(Boolean(about.starred)));
    this.button("apply").disabled = !about.request;
  }

  /** What is known of it has changed. */
  async refresh() {
    const { turn } = this;
    const about = await pictures.details(this.one.id).catch(() => null);
    if (about && turn === this.turn) this.take(about);
  }

  showPlace(id) {
    const at = this.among.indexOf(id);
    const many = this.among.length > 1 && at >= 0;
    this.root.querySelector(".picture-count").textContent = many
      ? `${at + 1} of ${this.among.length}`
      : "";
    for (const button of this.root.querySelectorAll(".picture-step"))
      button.hidden = !this.neighbour(Number(button.dataset.step), id);
  }

  neighbour(step, id = this.one?.id) {
    const at = this.among.indexOf(id);
    return at < 0 ? undefined : this.among[at + step];
  }

  preload(id) {
    if (id) new Image().src = address(`studio/v1/images/${encodeURIComponent(id)}`);
  }

  to(id) {
    if (id) openPicture(id, this.among.includes(id) ? this.among : [id], null);
  }

  /** Back to where the picture was opened. */
  async leave() {
    if (history.state?.picture) {
      const done = new Promise((back) => addEventListener("popstate", back, { once: true }));
      history.back();
      await done;
    } else {
      history.replaceState(null, "", address(""));
      this.root.close();
    }
  }

  say(words, undo = null) {
    this.said.textContent = words;
    this.undo.hidden = undo === null;
    this.undo.onclick = undo;
  }

  button(action) {
    return this.root.querySelector(`[data-action=${action}]`);
  }

  on(action, act) {
    this.button(action).addEventListener("click", async () => {
      try {
        await act();
      } catch (error) {
        this.say(error.message);
      }
    });
  }

  bindBar() {
    const { view } = this.view;
    this.on("close", () => this.leave());
    const acts = { ...zoomActions(view), "full-screen": () => this.full() };
    for (const button of this.root.querySelectorAll("[data-do]"))
      button.addEventListener("click", acts[button.dataset.do]);
    for (const button of this.root.querySelectorAll(".picture-step"))
      button.addEventListener("click", () => this.to(this.neighbour(Number(button.dataset.step))));
  }

  full() {
    if (document.fullscreenElement) return document.exitFullscreen();
    return this.root.querySelector(".picture-stage").requestFullscreen();
  }

  bindActions() {
    this.on("star", () => this.star());
    this.on("trash", () => this.trash());
    this.on("copy", async () => {
      const done = await copy(this.one.infotext, this.root);
      this.say(done ? "Settings copied" : "Not allowed by the browser");
    });
    this.on("link", async () => {
      const done = await copy(address(`picture/${encodeURIComponent(this.one.id)}`), this.root);
      this.say(done ? "Link copied" : "Not allowed by the browser");
    });
    this.on("apply", async () => {
      const { one } = this;
      await this.leave();
      await takeUp(one, this.offer);
    });
    this.note.addEventListener("change", () =>
      pictures
        .change(this.one.id, { note: this.note.value })
        .catch((error) => this.say(error.message)),
    );
  }

  star() {
    return pictures.change(this.one.id, { starred: !this.one.starred });
  }

  async trash() {
    const { id } = this.one;
    const next = this.neighbour(1) ?? this.neighbour(-1);
    const { among } = this;
    await pictures.trash(id);
    if (next) {
      this.among = among.filter((each) => each !== id);
      await openPicture(next, this.among);
    }
    this.say("Moved to the trash", async () => {
      await pictures.restore(id).catch((error) => this.say(error.message));
      await openPicture(id, among);
    });
  }

  bindMenus() {
    const list = (name) => this.root.querySelector(`.menu-list.picture-${name}`);
    const send = async (kind) => {
      const { one } = this;
      await this.leave();
      await sendTo(one, [one.width, one.height], kind, this.offer);
    };
    menuOf(this.button("send"), list("send"), ({ kind }) => send(kind));
    const told = (words, undo) => this.say(words, undo);
    offerCovers(list("send"), () => this.one, { say: told, offer: told });
    this.button("enlarge").addEventListener("click", () => send("upscale"));
    this.button("details").addEventListener("click", () => send("details"));
    this.button("download").addEventListener("click", () => save(fileAt(this.one.url)));
    this.button("reproduce").addEventListener("click", () => reproduce(this.one));
    this.button("export").addEventListener("click", () => downloadAs(this.one));
    menuOf(this.button("compare"), list("compare"), ({ with: which }) =>
      this.compare(this.comparable[which] ?? null),
    );
    list("compare").addEventListener("beforetoggle", () => {
      const ids = this.comparable;
      for (const entry of list("compare").children)
        entry.hidden =
          entry.dataset.with === "none" ? !this.view.against : !ids[entry.dataset.with];
    });
  }

  /** Ids in the order of the menu: parent, child, the picture before, the next one. */
  get comparable() {
    const { edges } = this.relatives;
    const { id } = this.one;
    const parent = edges.find(([, child]) => child === id)?.[0];
    const child = edges.find(([from]) => from === id)?.[1];
    return [parent, child, this.neighbour(-1), this.neighbour(1)];
  }

  async compare(id) {
    if (!id) {
      this.view.compare(null);
      return;
    }
    const other = await pictures.details(id);
    this.view.name(short(other), short(this.one));
    if (!(await this.view.compare(other)))
      this.say("The other picture cannot be loaded (any more).");
  }

  key(event) {
    if (event.target.matches("textarea, input") || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const { view } = this.view;
    const acts = {
      "ArrowLeft": () => this.to(this.neighbour(-1)),
      "ArrowRight": () => this.to(this.neighbour(1)),
      "+": () => view.zoomBy(1),
      "-": () => view.zoomBy(-1),
      "0": () => view.fit(),
      "1": () => view.zoomTo(1),
      "f": () => this.full(),
      "s": () => this.button("star").click(),
      "c": () => this.button("compare").click(),
      "Delete": () => this.button("trash").click(),
    };
    if (!acts[event.key] || (!this.one && !event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }
}

const short = ({ prompt, seed }) => `${(prompt || "Picture").slice(0, 40)} · ${seed}`;
