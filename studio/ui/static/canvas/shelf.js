// What one tool did to the pictures that were worked on: by the last few of them as it is, by older
// ones as far as the studio has it.

import { Work } from "./work.js";

const WHOLE = 5; // that stay as they are, with all their steps
const MOST = 50;

export class Shelf {
  /** `records` [[image, {mask, frame}]] and `draft` are what was kept; `tell(work)` is called after
   * every change of a work. */
  constructor(hasMask, { records = [], draft = null }, tell) {
    this.hasMask = hasMask;
    this.kept = new Map(records);
    this.draft = draft;
    this.tell = tell;
    this.works = new Map(); // image -> Work, the last used last
  }

  /** What is done to `picture`; it begins with nothing. */
  of(picture) {
    const work = this.works.get(picture.image) ?? this.recalled(picture);
    this.add(work);
    return work;
  }

  /** Nothing is done to it yet, whatever was. */
  blank(picture) {
    const work = new Work(picture, this.hasMask, this.tell);
    this.add(work);
    return work;
  }

  add(work) {
    this.works.delete(work.image);
    this.works.set(work.image, work);
    this.tidy(work);
  }

  recalled(picture) {
    const work = new Work(picture, this.hasMask, this.tell);
    work.recall(this.kept.get(picture.image), this.draft);
    return work;
  }

  tidy(present) {
    for (const work of this.works.values()) {
      if (work === present || work.dirty || work.uploading) continue;
      if (!work.isBlank && this.works.size <= WHOLE) continue;
      this.note(work);
      this.works.delete(work.image);
    }
  }

  note(work) {
    const { record, image } = work;
    this.kept.delete(image);
    if (record) this.kept.set(image, record);
  }

  /** What is to be kept of all, the newest last. */
  get records() {
    for (const work of this.works.values()) this.note(work);
    return [...this.kept].slice(-MOST);
  }
}
