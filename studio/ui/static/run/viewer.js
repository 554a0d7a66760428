// The right side of the page: the frame, the status line, the tools and the strip under it.

import { takeUp } from "../restore/take_up.js";
import { field, value } from "../settings/form.js";
import { copy } from "../shared/clipboard.js";
import { offerCovers } from "../shared/covers.js";
import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { edges } from "../shared/edges.js";
import { fileAt, onExport } from "../shared/exports.js";
import { menuOf } from "../shared/menu.js";
import * as pictures from "../shared/pictures.js";
import { write } from "../shared/store.js";
import { task } from "../shared/task.js";
import { veil } from "../shared/veil.js";
import { allowViews, onView, showView, view } from "../shared/views.js";
import { facts, madeWords, promise, seedsOf } from "../shared/words.js";
import { Candidates } from "./candidates.js";
import { Compare } from "./compare.js";
import { DetailChoice } from "./detail_choice.js";
import { downloadAs } from "./export.js";
import { Frame } from "./frame.js";
import * as jobs from "./jobs.js";
import { OwnWords } from "./own_words.js";
import { reproduce } from "./reproduce.js";
import { adopt, send, takeAlong, use } from "./send_to.js";
import { Stage } from "./stage.js";
import { Strip, thumbnail } from "./strip.js";
import { swipes } from "./swipe.js";
import { variationsOf } from "./variations.js";
import { WordMaps } from "./word_maps.js";

/** The task, and the view of what came of it. */
const VIEW_OF_DETAILS = "details";

export class Viewer {
  constructor(root) {
    this.root = root;
    this.stage = new Stage(root, {
      begin: (event, view) => this.candidates.part.press(event) ?? this.compare.begin(event, view),
      touches: (event) => this.candidates.part.isOn || this.compare.isFor(event),
      digits: () => this.candidates.isShown,
      seen: () => this.candidates?.part.paint.refresh(),
    });
    this.frame = new Frame(root, (width, height) => this.stage.shape(width, height));
    this.status = root.querySelector(".status");
    this.facts = root.querySelector(".facts");
    this.warnings = root.querySelector(".warnings");
    this.live = root.querySelector(".live");
    this.batch = root.querySelector(".batch");
    this.retry = root.querySelector(".retry");
    this.strip = new Strip(root.querySelector(".strip"), {
      choose: (picture) => this.browse(picture),
      discard: (picture) => this.discard(picture),
      isOurs: (job) => jobs.has(job),
    });
    this.words = new OwnWords(root.querySelector(".own-words"));
    this.wordMaps = new WordMaps(root, this.frame.element, (words) => {
      this.live.textContent = words;
    });
    this.offers = (words, undo) => this.offer(words, undo);
    const announce = (words) => {
      this.live.textContent = words;
    };
    this.details = new DetailChoice(root, this.frame.element, {
      announce,
      kept: (id, words) => this.showKept(id, words),
      accept: () => this.use(),
    });
    this.candidates = new Candidates(root, this.frame.element, this.stage, {
      show: (picture, all) => this.display(picture, all),
      accept: (again) => this.acceptShown(again),
      adopt: (picture, words, again) => this.adopt(picture, words, again),
      offer: this.offers,
      announce,
    });
    this.news = root.querySelector(".news");
    this.turn = 0;
    this.undo = root.querySelector(".undo");
    document.addEventListener("input", (event) => {
      if (event.isTrusted) this.wroteSince = true;
    });
    this.promise = root.querySelector(".promise");
    this.compare = new Compare(this.frame.element, (words) => this.say(words));
    this.picture = null;
    this.browsing = false;
    /** An earlier picture is looked at. */
    this.onBrowse = () => {};
    this.bindActions();
    this.bindSending();
    swipes(this.stage.port, {
      may: (event) => this.stage.view.fitted && !this.compare.isFor(event),
      step: (step) => this.step(step),
    });
    edges(root.querySelector(".actions"));
    onView((name) => this.compare.show(name, this.picture));
    onExport(() => this.linkDownload());
    this.strip.arrivals.on((picture) => this.announce(picture));
    takeAlong(this);
  }

  /** A page opens with the last picture; where there is none, with one that the model made. */
  async openLast(isBusy) {
    await this.strip.renew();
    const [last] = this.strip.entries;
    if (isBusy() || this.picture || this.turn > 0) return;
    if (last) await this.open(last);
    else this.showNothing();
  }

  /** Nothing was made yet. */
  showNothing() {
    this.root.classList.add("nothing-yet");
    this.frame.showWelcome();
  }

  /** `picture` is ready, while another one is looked at. */
  announce(picture) {
    this.news.hidden = false;
    this.news.onclick = () => this.browse(picture);
  }

  /** One of empty, queued, loading, running, finished, cancelled, failed; `words` say more. */
  state(name, words = "", announced = words) {
    if (this.root.dataset.state !== name) this.live.textContent = announced;
    this.root.dataset.state = name;
    document.body.dataset.state = name;
    this.status.textContent = words;
    this.undo.hidden = true;
    this.root.classList.remove("said");
  }

  /** Can what failed go well, if it is tried again as it is? */
  mayRetry(may) {
    this.retry.disabled = !may;
  }

  /** Words beside the state: shown until the next ones, and read out. */
  say(words) {
    this.status.textContent = words;
    this.live.textContent = words;
    this.undo.hidden = true;
    this.root.classList.add("said");
    this.status.parentElement.scrollIntoView({ block: "nearest" });
  }

  /** Say what was done, with a button that takes it back; the answer withdraws both. */
  offer(words, undo) {
    this.say(words);
    this.undo.hidden = false;
    this.wroteSince = false;
    this.undo.onclick = () => {
      this.say("Undone");
      undo();
    };
    const { onclick } = this.undo;
    return () => {
      if (this.undo.onclick !== onclick) return;
      this.undo.hidden = true;
      if (this.status.textContent === words) this.status.textContent = "";
    };
  }

  /** Take back what was offered to be taken back, as by Ctrl+Z; where somebody writes, only what came
   * after the last letter. False if there is nothing. */
  takeBack(isWriting) {
    if (this.undo.hidden || (isWriting && this.wroteSince)) return false;
    this.undo.click();
    return true;
  }

  /** Make room for a new request: its shape {width, height}, no tools, and `under` the words what
   * it begins with, if that is told. */
  begin(request) {
    this.turn += 1;
    this.browsing = false;
    this.strip.showLive(null);
    this.strip.mark(null);
    this.take(null);
    this.words.show(request?.request ?? null);
    this.facts.textContent = "";
    this.batch.replaceChildren();
    this.root.classList.remove("has-picture", "partial", "browsing");
    this.frame.wait();
    if (request) this.frame.shape(request.width, request.height);
    if (request?.under) this.frame.showUnder(request.under);
  }

  /** `picture` is the one that the tools and the views are about. */
  take(picture) {
    this.picture = picture;
    this.news.hidden = true;
    this.words.show(picture?.request ?? null);
    const details = Boolean(picture?.details?.length);
    const kind = picture?.request.task?.kind ?? "text_to_image";
    const edited = details || kind !== "text_to_image";
    const steered = Boolean(picture?.request.controls?.length);
    const tiles = (picture?.request.tiling ?? "none") !== "none";
    this.root.classList.toggle("has-views", edited || steered || tiles);
    allowViews({ compare: edited, difference: edited, maps: steered, tiles, words: false });
    this.compare.show(view(), picture);
    this.wordMaps.take(picture);
    this.details.take(picture);
    this.candidates.take(picture);
    this.warn(picture?.warnings ?? []);
    const { words, isKept } = promise(picture);
    this.promise.hidden = !words;
    this.promise.textContent = words;
    this.promise.classList.toggle("broken", !isKept);
  }

  /** What is to be known about the picture, a line each. */
  warn(warnings) {
    const lines = warnings.map((words) => make("li", { textContent: words }));
    this.warnings.replaceChildren(...lines);
    this.root.classList.toggle("warned", lines.length > 0);
  }

  /** [width, height] of a picture; until it has been loaded, those asked for. */
  sizeOf(picture) {
    const { image } = this.frame;
    if (image?.src === address(picture.url))
      picture.size = [image.naturalWidth, image.naturalHeight];
    const { width, height } = picture.width ? picture : picture.request;
    return picture.size ?? [width, height];
  }

  /** Results of a job: the first in the frame, a batch as thumbnails. `press` is that which asked for
   * what lies on a canvas, and null for what was asked for otherwise. */
  async results(made, press = null) {
    if (made.length === 0) return;
    if (press) this.candidates.offer(made, press);
    const { seed, variation_seed } = seedsOf(made[0]);
    write("last_seed", seed);
    if (variation_seed !== undefined) write("last_variation_seed", variation_seed);
    if (!this.browsing) await this.display(made[0], made);
    if (!this.browsing && made[0].details?.length && made[0].request.task.kind === VIEW_OF_DETAILS)
      showView(VIEW_OF_DETAILS);
    await this.strip.renew();
    pictures.came.tell(made.map(({ id }) => id));
    if (!this.browsing) return;
    this.strip.showLive(null);
    this.announce(made[0]);
  }

  /** Look at an earlier picture; a running job goes on behind it. */
  async browse(picture) {
    this.browsing = true;
    if (view() === "source") showView("result");
    this.onBrowse();
    this.root.classList.add("browsing");
    await this.open(picture);
  }

  /** Browse to the picture `step` places on in the strip; false if there is none. */
  step(step) {
    const picture = this.strip.neighbour(step);
    if (picture) this.browse(picture);
    return Boolean(picture);
  }

  /** Show a picture of which its entry in the library may be all that is known. */
  async open(entry) {
    this.turn += 1;
    const { turn } = this;
    this.strip.mark(entry);
    try {
      const picture = entry.request ? entry : await whole(entry);
      if (turn !== this.turn) return;
      if (picture.created && !document.body.classList.contains("busy"))
        this.status.textContent = madeWords(picture);
      await this.display(picture, [picture]);
    } catch (error) {
      if (turn === this.turn) this.say(error.message);
    }
  }

  /** Move `picture` to the trash; if it is the one in sight, its neighbour takes its place. */
  async discard(picture) {
    const isShown = picture.id === this.picture?.id;
    this.strip.mark(this.picture);
    const next = isShown ? (this.strip.neighbour(1) ?? this.strip.neighbour(-1)) : null;
    try {
      await pictures.trash([picture.id]);
    } catch (error) {
      this.say(error.message);
      return;
    }
    if (next) await this.open(next);
    else if (isShown) this.clear();
    this.offer("Moved to the trash", async () => {
      await pictures.restore([picture.id]).catch((error) => this.say(error.message));
      if (isShown) await this.open(picture);
    });
  }

  /** The picture `id` came of a choice among the details of the one that is shown; of those that the
   * tool of that name drew, it is worked on from now on. */
  async showKept(id, words) {
    const earlier = this.picture;
    const made = await pictures.details(id);
    pictures.came.tell([id]);
    await this.strip.renew();
    await this.browse(made);
    if (isOfTool(earlier)) await this.adopt(made, words, () => this.browse(earlier));
    else this.offer(words, () => this.browse(earlier));
  }

  /** What is shown is seen in a tool as it is seen here. */
  rememberGaze() {
    this.stage.remember(`picture:${this.picture.id}`);
  }

  /** That which is shown is worked on from now on, seen as it is seen here; `again` is the way back. */
  acceptShown(again) {
    const { picture } = this;
    this.rememberGaze();
    const offer = (words, undo) =>
      this.offer(words, () => {
        undo();
        again();
      });
    return use(picture, this.sizeOf(picture), offer).catch((error) => this.say(error.message));
  }

  /** `picture` was put together of what is shown, and is worked on from now on. */
  async adopt(picture, words, again) {
    this.stage.remember(`picture:${picture.id}`);
    const size = [picture.width, picture.height];
    await adopt(picture, size, words, this.offers, again);
    await this.strip.renew();
  }

  /** No picture is shown. */
  clear() {
    this.turn += 1;
    this.take(null);
    this.facts.textContent = "";
    this.batch.replaceChildren();
    this.root.classList.remove("has-picture", "partial", "browsing");
    this.frame.clear();
    veil(this.frame.element, null);
  }

  async display(picture, batch) {
    this.take(picture);
    const url = address(picture.url);
    if (this.frame.image?.src !== url) this.frame.wait();
    this.frame.shape(...this.sizeOf(picture));
    this.strip.mark(picture);
    const shown = await this.frame.show(url, picture.request.prompt || "Picture");
    if (this.picture !== picture) return;
    veil(this.frame.element, picture, () => this.display(picture, batch));
    if (!shown) this.status.textContent = "This picture cannot be loaded (any more).";
    this.frame.shape(...this.sizeOf(picture));
    this.facts.textContent = facts(picture, this.sizeOf(picture));
    this.root.classList.add("has-picture");
    this.root.classList.toggle("partial", picture.partial);
    this.linkDownload();
    this.drawBatch(picture, batch);
  }

  linkDownload() {
    if (this.picture)
      this.root.querySelector("[data-action=download]").href = fileAt(this.picture.url);
  }

  drawBatch(picture, batch) {
    const tiles = batch.length > 1 ? batch.map((one) => this.batchTile(one, batch)) : [];
    this.batch.replaceChildren(...tiles);
    for (const tile of tiles) {
      if (tile.dataset.id === picture.id) tile.setAttribute("aria-current", "true");
    }
  }

  batchTile(picture, batch) {
    const button = document.createElement("button");
    const image = new Image();
    button.type = "button";
    button.className = "tile";
    button.dataset.id = picture.id;
    button.draggable = true;
    button.addEventListener("dragstart", (event) => pictures.carry(event.dataTransfer, picture));
    button.setAttribute("aria-label", `Seed ${picture.seed}`);
    button.title = `Seed ${picture.seed}`;
    image.alt = "";
    image.draggable = false;
    image.src = thumbnail(picture);
    button.append(image);
    button.addEventListener("click", () => this.display(picture, batch));
    return button;
  }

  bindActions() {
    const on = (action, act) =>
      this.root.querySelector(`[data-action=${action}]`).addEventListener("click", act);
    on("copy", async (event) => {
      const button = event.currentTarget;
      const done = await copy(this.picture.infotext);
      this.flash(button, done ? "Copied" : "Not allowed by the browser");
    });
    on("seed", (event) => {
      const own = { ...seedsOf(this.picture), batch_size: 1 }; // it is this one that is wanted
      const names = Object.keys(own);
      const earlier = names.map(value);
      for (const name of names) field(name).set(own[name]);
      this.flash(event.currentTarget, "Seed set");
      if (earlier[names.indexOf("batch_size")] === 1) return;
      this.offer("Seed set, for one picture", () => {
        for (const [at, name] of names.entries()) field(name).set(earlier[at]);
      });
    });
    on("export", () => downloadAs(this.picture));
    on("discard", () => this.discard(this.picture));
    on("apply", () => takeUp(this.picture, this.offers).catch((error) => this.say(error.message)));
    on("input", () => this.use());
    on("enlarge", () => this.sendTo("upscale"));
    on("details", () => this.sendTo("details"));
    on("vary", () => variationsOf(this.picture));
    on("reproduce", () => reproduce(this.picture));
    this.promise.addEventListener("click", () => showView("difference"));
  }

  bindSending() {
    const button = this.root.querySelector("[data-action=send]");
    const list = this.root.querySelector(".menu-list");
    menuOf(button, list, ({ kind }) => this.sendTo(kind));
    offerCovers(list, () => this.picture, { say: (words) => this.say(words), offer: this.offers });
  }

  sendTo(kind) {
    const size = this.sizeOf(this.picture);
    this.rememberGaze();
    return send(this.picture, size, kind, this.offers).catch((error) => this.say(error.message));
  }

  /** The picture is worked on from now on. */
  use() {
    const size = this.sizeOf(this.picture);
    return use(this.picture, size, this.offers).catch((error) => this.say(error.message));
  }

  /** Say for a moment what a button did. */
  flash(button, words) {
    const label = button.querySelector("span");
    this.live.textContent = words;
    label.textContent = words;
    clearTimeout(label.timer);
    label.timer = setTimeout(() => {
      label.textContent = button.title;
    }, 1500);
  }
}

/** Did the tool for details draw it, and that tool shows? */
const isOfTool = ({ request }) =>
  request.task?.kind === VIEW_OF_DETAILS && task() === VIEW_OF_DETAILS;

/** All about a picture of the library. */
async function whole({ id, url }) {
  new Image().src = address(url); // on its way already
  const found = await pictures.details(id);
  const { width, height, prompt, negative_prompt, checkpoint } = found;
  const known = { width, height, prompt, negative_prompt, checkpoint, task: { kind: found.task } };
  return { ...found, size: [width, height], request: found.request ?? known };
}
