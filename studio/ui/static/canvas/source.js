// The picture of one tool and what the tool does to it. It is the one that is worked on, unless the
// tool is pinned to a picture of its own. Knows nothing of how they are drawn.

import { forget, read, write } from "../shared/store.js";
import { resampled } from "./shapes.js";
import { Shelf } from "./shelf.js";
import { known, maskAt, uploaded } from "./uploads.js";
import { accept, backTo, lose, onWorking, working } from "./working.js";

/** Of what is on its way to all tools the last wish counts. */
let wishes = 0;
let granted = 0;

export class Source {
  /** `canvas` is "picture", "mask" or "frame": what is done to the picture. `tell()` is called after
   * every change. */
  constructor(kind, canvas, tell) {
    this.kind = kind;
    this.canvas = canvas;
    this.tell = tell;
    this.picture = null; // {image, url, width, height}
    this.work = null;
    this.arriving = null; // words while a picture is on its way
    this.turn = 0;
    /** The canvas shows its dialog. */
    this.ask = async (/** @type {any} */ _question) => null;
    this.onPicture = () => {};
    this.onMask = () => {};
    /** Masks what else is to be repainted, where nothing is masked. */
    this.complete = async () => {};
    this.restore();
    onWorking((picture) => this.pinned || this.turnTo(picture));
    addEventListener("pagehide", () => {
      this.mask?.commit();
      this.leave();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return;
      this.leave();
      this.work?.upload().catch(() => {});
    });
  }

  get hasMask() {
    return this.canvas === "mask";
  }

  get mask() {
    return this.work?.mask ?? null;
  }

  get masked() {
    return Boolean(this.work?.masked);
  }

  get frame() {
    return this.work?.frame;
  }

  /** The steps of mask or frame that can be taken back, and those that were. */
  get past() {
    return (this.mask ?? this.work)?.past ?? [];
  }

  get future() {
    return (this.mask ?? this.work)?.future ?? [];
  }

  get described() {
    if (!this.picture) return null;
    const { masked, dirty, maskRef, frame } = this.work;
    const mask = masked ? { ref: dirty ? null : maskRef, share: this.mask.share } : null;
    return { ...this.picture, mask, ...(this.canvas === "frame" ? { frame } : {}) };
  }

  // Changing it

  put(what, options) {
    const coming = this.bring(what, options);
    this.coming = coming.catch(() => {});
    return coming;
  }

  async bring(what, { ask, keep }) {
    this.turn += 1;
    wishes += 1;
    const { turn } = this;
    const wish = wishes;
    const isLate = () => turn !== this.turn || (!this.pinned && wish < granted);
    const file = what instanceof Blob;
    if (!file && !what.ref) return this.putMask(what.mask, { ask });
    const same = !file && what.ref === this.picture?.image;
    let fate = !what.mask && (keep || (ask && same)) ? "keep" : "clear";
    if (ask && !what.mask && this.masked && !same && !keep) {
      fate = await this.ask(this.questionOfFate());
      if (!fate) return false;
    }
    this.arrives(what instanceof File ? `Taking ${what.name}` : "Taking the picture");
    try {
      const picture = file ? await uploaded(what) : await known(what);
      if (isLate()) return false;
      const pixels = what.mask ? await maskAt(what.mask) : null;
      if (isLate()) return false;
      if (!this.pinned) granted = wish;
      this.take(picture, { pixels, ref: what.mask, frame: what.frame, fate });
    } finally {
      if (turn === this.turn) this.arrives(null);
    }
    return true;
  }

  questionOfFate() {
    return {
      title: "What becomes of the mask?",
      words: `The mask covers ${shareWords(this.mask.share)} of the picture that is there now.`,
      answers: [
        { value: "keep", label: "Keep it", primary: true },
        { value: "clear", label: "Clear it" },
      ],
    };
  }

  /** A new picture. Its mask: `pixels` ({width, height, data}) with their `ref`, else by `fate` the
   * old one. */
  take(picture, { pixels, ref, frame, fate }) {
    const { mask } = this;
    const same = picture.image === this.picture?.image;
    if (!same || pixels || frame || (this.hasMask && fate !== "keep")) {
      const work = this.shelf.blank(picture);
      if (frame) work.frame = frame;
      if (this.hasMask && pixels) work.take(pixels, ref);
      else if (this.hasMask && fate === "keep" && mask) work.take(mask);
    }
    if (this.pinned || !accept(picture)) this.turnTo(picture);
  }

  /** The picture is `picture` from now on, with what was done to it. */
  turnTo(picture) {
    this.picture = picture;
    this.work = picture && this.shelf.of(picture);
    this.showMask();
    this.save();
    this.onPicture();
    this.tell();
  }

  showMask() {
    if (this.mask === this.shown) return;
    this.shown = this.mask;
    this.onMask();
  }

  /** A mask for the picture that is there; one of another size is stretched if that is wanted. */
  async putMask(from, { ask }) {
    if (!this.picture) throw new Error("Choose a picture first; a mask lies over one.");
    const { work } = this;
    const { width, height } = work;
    const ref = from instanceof Blob ? (await uploaded(from)).image : from;
    const pixels = await maskAt(ref);
    const fits = pixels.width === width && pixels.height === height;
    if (!fits && ask) {
      const sizes = `${pixels.width} × ${pixels.height}`;
      const answer = await this.ask({
        title: "Stretch the mask?",
        words: `The mask is ${sizes} pixels, the picture ${width} × ${height}.`,
        answers: [{ value: "stretch", label: "Stretch it over the picture", primary: true }],
      });
      if (!answer) return false;
    }
    work.mask.replace(resampled(pixels, width, height));
    if (fits && ref === from) work.isUploaded(ref);
    return true;
  }

  /** No picture: that of its own goes, or that which is worked on. */
  remove() {
    this.turn += 1;
    this.arriving = null;
    if (!this.pinned) {
      accept(null);
      return;
    }
    this.pinned = false;
    this.turnTo(working());
  }

  /** The picture cannot be loaded any more. */
  lose() {
    const { image } = this.picture;
    this.remove();
    lose(image);
  }

  /** Keep the picture whatever is worked on, or follow that again. */
  pin(isPinned) {
    const own = this.picture;
    this.pinned = isPinned;
    if (!isPinned && !working() && own) accept(own);
    this.turnTo(isPinned ? own : working());
  }

  snapshot() {
    const { picture, work, pinned } = this;
    return { picture, work, pinned };
  }

  recover({ picture, work, pinned }) {
    this.turn += 1;
    this.arriving = null;
    this.pinned = pinned;
    if (work) this.shelf.add(work);
    if (pinned || !backTo(picture)) this.turnTo(picture);
    if (work?.dirty) work.schedule();
  }

  setFrame(frame) {
    this.work.setFrame(frame);
  }

  commitFrame(before) {
    this.work.commitFrame(before);
  }

  undo() {
    this.work?.undo();
  }

  redo() {
    this.work?.redo();
  }

  // To the server and back

  async ready() {
    await this.coming;
    await this.work?.restored;
    if (!this.picture)
      throw new Error("Choose a picture first: drop one, paste it, or press Choose.");
    const { image } = this.picture;
    const { work, mask, frame } = this;
    if (this.canvas === "picture") return { image };
    if (this.canvas === "frame") {
      if (Object.values(frame).every((side) => side === 0)) {
        throw new Error("Pull an edge of the frame outwards first, or choose a shape.");
      }
      return { image, ...frame };
    }
    mask.commit();
    if (!work.masked) await this.complete();
    if (!work.masked) throw new Error("Paint over what is to be repainted first.");
    await work.upload();
    return { image, mask: work.maskRef };
  }

  /** Something of what is done to a picture changed. */
  worked(work) {
    if (work.mask && !work.dirty && this.shelf.draft?.image === work.image) {
      this.shelf.draft = null;
      forget(`mask.${this.kind}`);
    }
    this.save();
    if (work !== this.work) return;
    this.showMask();
    this.tell();
  }

  save() {
    const picture = this.pinned ? this.picture : null;
    const works = this.shelf.records;
    if (picture || works.length) write(`source.${this.kind}`, { picture, works });
    else forget(`source.${this.kind}`);
  }

  /** The page goes, and an upload would not end in time: what is not uploaded stays here. */
  leave() {
    if (!this.work?.dirty) return;
    this.shelf.draft = this.work.draft;
    write(`mask.${this.kind}`, this.shelf.draft);
  }

  restore() {
    const kept = read(`source.${this.kind}`, {});
    const draft = read(`mask.${this.kind}`, null);
    const records = recordsOf(kept);
    this.shelf = new Shelf(this.hasMask, { records, draft }, (work) => this.worked(work));
    this.pinned = isOwn(kept);
    const picture = this.pinned ? kept.picture : working();
    this.picture = picture;
    this.work = picture && this.shelf.of(picture);
  }

  arrives(words) {
    this.arriving = words;
    this.onPicture();
    this.tell();
  }
}

// Before there was one picture for all, each tool kept its own: {picture, mask, frame}.

const recordsOf = ({ works, picture, mask, frame }) =>
  works ?? (picture ? [[picture.image, { mask, frame }]] : []);

const isOwn = ({ works, picture }) =>
  Boolean(picture) && (Boolean(works) || picture.image !== working()?.image);

/** A share of the area in words: "12 %". */
export function shareWords(share) {
  if (share > 0 && share < 0.01) return "less than 1 %";
  if (share > 0.99 && share < 1) return "more than 99 %";
  return `${Math.round(100 * share)} %`;
}
