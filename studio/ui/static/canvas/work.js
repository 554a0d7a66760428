// What one tool does to one picture: its mask or its frame, with their steps, and the way of the mask
// to the studio.

import { Mask } from "./mask.js";
import { pngOf } from "./png.js";
import { fromText, pack, toText, unpack } from "./runs.js";
import { resampled } from "./shapes.js";
import { maskAt, uploaded } from "./uploads.js";
import { UploadsLater } from "./uploads_later.js";

const MOST_FRAMES = 100;
const NO_FRAME = { left: 0, top: 0, right: 0, bottom: 0 };

export class Work extends UploadsLater {
  /** On `picture` {image, width, height}, with a mask if the tool `hasMask`. `tell(work)` is called
   * after every change. */
  constructor({ image, width, height }, hasMask, tell) {
    super("mask");
    this.image = image;
    this.width = width;
    this.height = height;
    this.tell = tell;
    this.mask = null;
    this.maskRef = null;
    this.awaited = null; // the mask's ref while it is fetched
    this.uploadedVersion = 0;
    this.frame = NO_FRAME;
    this.past = []; // frames
    this.future = [];
    this.restored = Promise.resolve();
    if (hasMask) this.adopt(new Mask(width, height), null);
  }

  get masked() {
    return Boolean(this.mask && this.mask.total > 0);
  }

  /** Is what is masked not yet on the server? */
  get dirty() {
    return this.masked && this.uploadedVersion !== this.mask.version;
  }

  /** Is there nothing in it that anybody would miss? */
  get isBlank() {
    const steps = this.mask ?? this;
    const isPlain = !this.masked && Object.values(this.frame).every((side) => side === 0);
    return isPlain && !this.awaited && steps.past.length + steps.future.length === 0;
  }

  // The mask

  /** `pixels` {width, height, data} are its mask, stretched where they have another size; `ref` is
   * that of their upload, if they were. */
  take(pixels, ref = null) {
    const { width, height } = this;
    this.adopt(new Mask(width, height, resampled(pixels, width, height)), ref);
    if (this.dirty) this.schedule();
  }

  adopt(mask, ref) {
    this.mask = mask;
    this.maskRef = ref;
    this.uploadedVersion = ref ? mask.version : -1;
    mask.onCommit = () => {
      this.awaited = null;
      this.schedule();
      this.tell(this);
    };
  }

  async send() {
    const { mask } = this;
    const { version } = mask;
    const { image } = await uploaded(await pngOf(mask));
    if (this.mask === mask && mask.version === version) this.isUploaded(image);
  }

  isUploaded(ref) {
    this.maskRef = ref;
    this.uploadedVersion = this.mask.version;
    this.tell(this);
  }

  // The frame

  setFrame(frame) {
    this.frame = frame;
    this.tell(this);
  }

  /** A step that undo takes back; `before` is the frame it began with. */
  commitFrame(before) {
    if (JSON.stringify(before) === JSON.stringify(this.frame)) return;
    this.past = [...this.past.slice(1 - MOST_FRAMES), before];
    this.future = [];
    this.tell(this);
  }

  undo() {
    if (this.mask) this.mask.undo();
    else this.stepFrame(this.past, this.future);
  }

  redo() {
    if (this.mask) this.mask.redo();
    else this.stepFrame(this.future, this.past);
  }

  stepFrame(from, to) {
    if (from.length === 0) return;
    to.push(this.frame);
    this.setFrame(from.pop());
  }

  // Kept in this browser

  /** What is kept of it: {mask, frame}, the mask as its upload's ref; null where that is nothing. */
  get record() {
    const mask = this.masked ? (this.dirty ? null : this.maskRef) : this.awaited;
    const isWide = Object.values(this.frame).some((side) => side !== 0);
    return mask || isWide ? { mask, ...(isWide ? { frame: this.frame } : {}) } : null;
  }

  /** What is painted and not uploaded, as a text; the page goes, and an upload would not end in time. */
  get draft() {
    const { image, width, height, mask } = this;
    return { image, width, height, runs: toText(pack(mask.data)) };
  }

  /** Be as it was kept: what was painted and not uploaded counts before what was. */
  recall(record, draft) {
    const { width, height } = this;
    this.frame = record?.frame ?? NO_FRAME;
    if (!this.mask) return;
    if (draft?.image === this.image && draft.width === width && draft.height === height) {
      this.adopt(new Mask(width, height, unpack(fromText(draft.runs), width * height)), null);
      this.schedule();
    } else if (record?.mask) {
      this.awaited = record.mask;
      this.restored = this.load(record.mask);
    }
  }

  async load(ref) {
    const { mask, width, height } = this;
    const pixels = await maskAt(ref).catch(() => null);
    const isLate = this.mask !== mask || mask.version > 0 || mask.edit;
    if (!pixels || isLate || pixels.width !== width) return;
    this.awaited = null;
    this.adopt(new Mask(width, height, pixels.data), ref);
    this.tell(this);
  }
}
