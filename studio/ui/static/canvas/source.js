// The picture of one editing tab with its mask or frame: what it is, where it is kept, and how it
// comes back after a reload. Knows nothing of how they are drawn.

import { read, write } from "../shared/store.js";
import { Mask } from "./mask.js";
import { pngOf } from "./png.js";
import { fromText, pack, toText, unpack } from "./runs.js";
import { resampled } from "./shapes.js";
import { known, maskAt, uploaded } from "./uploads.js";

const UPLOAD_MS = 400;
const RETRY_MS = 5000;
const forget = (key) => write(key, null);
const NO_FRAME = { left: 0, top: 0, right: 0, bottom: 0 };

export class Source {
  /** `canvas` is "picture", "mask" or "frame": what is done to the picture. `tell()` is called after
   * every change. */
  constructor(kind, canvas, tell) {
    this.kind = kind;
    this.canvas = canvas;
    this.tell = tell;
    this.picture = null; // {image, url, width, height}
    this.mask = null;
    this.maskRef = null;
    this.uploadedVersion = 0;
    this.frame = NO_FRAME;
    this.past = []; // frames
    this.future = [];
    this.arriving = null; // words while a picture is on its way
    this.turn = 0;
    /** The canvas shows its dialog. */
    this.ask = async (/** @type {any} */ _question) => null;
    this.onPicture = () => {};
    this.onMask = () => {};
    this.restored = this.restore();
    addEventListener("pagehide", () => {
      this.mask?.commit();
      this.leave();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) return;
      this.leave();
      this.upload().catch(() => {});
    });
  }

  get hasMask() {
    return this.canvas === "mask";
  }

  get masked() {
    return Boolean(this.mask && this.mask.total > 0);
  }

  /** Is what is masked not yet on the server? */
  get dirty() {
    return this.masked && this.uploadedVersion !== this.mask.version;
  }

  get described() {
    if (!this.picture) return null;
    const ref = this.dirty ? null : this.maskRef;
    const mask = this.masked ? { ref, share: this.mask.share } : null;
    return { ...this.picture, mask, ...(this.canvas === "frame" ? { frame: this.frame } : {}) };
  }

  // Changing it

  put(what, options) {
    const coming = this.bring(what, options);
    this.coming = coming.catch(() => {});
    return coming;
  }

  async bring(what, { ask, keep }) {
    const turn = ++this.turn;
    const file = what instanceof Blob;
    if (!file && !what.ref) return this.putMask(what.mask, { ask });
    const same = !file && what.ref === this.picture?.image;
    let fate = !what.mask && (keep || (ask && same)) ? "keep" : "clear";
    if (ask && !what.mask && this.masked && !same) {
      fate = await this.ask(this.questionOfFate());
      if (!fate) return false;
    }
    this.arrives(what instanceof File ? `Taking ${what.name}` : "Taking the picture");
    try {
      const picture = file ? await uploaded(what) : await known(what);
      if (turn !== this.turn) return false;
      const mask = what.mask ? await maskAt(what.mask) : null;
      if (turn !== this.turn) return false;
      this.take(picture, mask, fate);
      if (mask) this.isUploaded(what.mask);
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

  /** A new picture. Its mask: `pixels` ({width, height, data}), else by `fate` the old one. */
  take(picture, pixels, fate) {
    const old = this.mask;
    const same = picture.image === this.picture?.image;
    const { width, height } = picture;
    this.picture = picture;
    this.setFrame(same ? this.frame : NO_FRAME);
    this.past = [];
    this.future = [];
    if (this.hasMask) {
      if (!pixels && same && old && fate === "keep") this.tell();
      else this.takeMask(pixels ?? (fate === "keep" && old ? old : null), width, height);
    }
    this.save();
    this.onPicture();
    this.tell();
  }

  takeMask(pixels, width, height) {
    const data = pixels ? resampled(pixels, width, height) : undefined;
    this.adopt(new Mask(width, height, data), null);
    if (this.masked) this.schedule();
  }

  adopt(mask, ref) {
    this.mask = mask;
    this.maskRef = ref;
    this.uploadedVersion = ref ? mask.version : -1;
    mask.onCommit = () => {
      this.save();
      this.schedule();
      this.tell();
    };
    this.onMask();
  }

  /** A mask for the picture that is there; one of another size is stretched if that is wanted. */
  async putMask(from, { ask }) {
    if (!this.picture) throw new Error("Choose a picture first; a mask lies over one.");
    const { width, height } = this.picture;
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
    this.mask.replace(resampled(pixels, width, height));
    if (fits && ref === from) this.isUploaded(ref);
    return true;
  }

  remove() {
    this.turn += 1;
    this.picture = null;
    this.mask = null;
    this.maskRef = null;
    this.frame = NO_FRAME;
    this.arriving = null;
    this.save();
    forget(`mask.${this.kind}`);
    this.onPicture();
    this.tell();
  }

  snapshot() {
    const { picture, mask, maskRef, uploadedVersion, frame } = this;
    return { picture, mask, maskRef, uploadedVersion, frame };
  }

  recover(earlier) {
    this.turn += 1;
    Object.assign(this, earlier, { arriving: null, past: [], future: [] });
    if (this.mask) {
      this.adopt(this.mask, this.maskRef);
      this.uploadedVersion = earlier.uploadedVersion;
    }
    this.save();
    this.onPicture();
    if (this.dirty) this.schedule();
    this.tell();
  }

  // The frame of an outpaint

  setFrame(frame) {
    this.frame = frame;
    this.save();
    this.tell();
  }

  /** A step that undo takes back; `before` is the frame it began with. */
  commitFrame(before) {
    if (JSON.stringify(before) === JSON.stringify(this.frame)) return;
    this.past = [...this.past.slice(-99), before];
    this.future = [];
    this.tell();
  }

  stepFrame(from, to) {
    if (from.length === 0) return;
    to.push(this.frame);
    this.setFrame(from.pop());
  }

  undo() {
    if (this.canvas === "frame") this.stepFrame(this.past, this.future);
    else this.mask?.undo();
  }

  redo() {
    if (this.canvas === "frame") this.stepFrame(this.future, this.past);
    else this.mask?.redo();
  }

  // To the server and back

  async ready() {
    await this.restored;
    await this.coming;
    if (!this.picture)
      throw new Error("Choose a picture first: drop one, paste it, or press Choose.");
    const { image } = this.picture;
    if (this.canvas === "picture") return { image };
    if (this.canvas === "frame") {
      if (Object.values(this.frame).every((side) => side === 0)) {
        throw new Error("Pull an edge of the frame outwards first, or choose a shape.");
      }
      return { image, ...this.frame };
    }
    this.mask.commit();
    if (!this.masked) throw new Error("Paint over what is to be repainted first.");
    await this.upload();
    return { image, mask: this.maskRef };
  }

  schedule() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.upload().catch(() => {}), UPLOAD_MS);
  }

  /** Until the mask as it is now is on the server. Two at once share one way. */
  async upload() {
    clearTimeout(this.timer);
    while (this.dirty) {
      this.uploading ??= this.uploadOnce().finally(() => {
        this.uploading = null;
      });
      await this.uploading;
    }
  }

  async uploadOnce() {
    const { mask } = this;
    const { version } = mask;
    try {
      const { image } = await uploaded(await pngOf(mask));
      if (this.mask === mask && mask.version === version) this.isUploaded(image);
    } catch (error) {
      this.timer = setTimeout(() => this.upload().catch(() => {}), RETRY_MS);
      throw new Error(`The mask cannot be sent: ${error.message}`);
    }
  }

  isUploaded(ref) {
    this.maskRef = ref;
    this.uploadedVersion = this.mask.version;
    this.save();
    forget(`mask.${this.kind}`);
    this.tell();
  }

  save() {
    const { picture, frame } = this;
    const mask = this.masked && !this.dirty ? this.maskRef : null;
    if (picture) write(`source.${this.kind}`, { picture, mask, frame });
    else forget(`source.${this.kind}`);
  }

  /** The page goes, and an upload would not end in time: what is not uploaded stays here. */
  leave() {
    if (!this.dirty) return;
    const { width, height, data } = this.mask;
    const runs = toText(pack(data));
    write(`mask.${this.kind}`, { image: this.picture.image, width, height, runs });
  }

  async restore() {
    const kept = read(`source.${this.kind}`, null);
    if (!kept?.picture) return;
    const { turn } = this;
    const draft = read(`mask.${this.kind}`, null);
    this.picture = kept.picture;
    this.frame = kept.frame ?? NO_FRAME;
    const { image, width, height } = kept.picture;
    if (!this.hasMask) return;
    this.adopt(new Mask(width, height), null);
    if (draft?.image === image && draft.width === width && draft.height === height) {
      this.adopt(new Mask(width, height, unpack(fromText(draft.runs), width * height)), null);
      this.schedule();
    } else if (kept.mask) {
      const pixels = await maskAt(kept.mask).catch(() => null);
      if (!pixels || turn !== this.turn || pixels.width !== width) return;
      this.adopt(new Mask(width, height, pixels.data), kept.mask);
    }
    this.tell();
  }

  arrives(words) {
    this.arriving = words;
    this.onPicture();
    this.tell();
  }
}

/** A share of the area in words: "12 %". */
export function shareWords(share) {
  if (share > 0 && share < 0.01) return "less than 1 %";
  if (share > 0.99 && share < 1) return "more than 99 %";
  return `${Math.round(100 * share)} %`;
}
