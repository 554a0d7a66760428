// The pictures that the filters let through, as far as they were asked for, and how they change.

import { signal } from "../shared/signals.js";

const FIRST = 100;
const NEWEST = 40; // that are looked at again now and then
const NEXT = 200;
const MOST = 500; // that the studio gives at once

/** What of a picture decides whether the filters let it through, after a change made here. */
const FITS = {
  starred: (one, wanted) => one.starred === wanted,
  board: (one, wanted) => one.boards.includes(wanted),
};

export class List {
  /** `page(filters, {signal})` asks for one page, as `shared/pictures.js` says. */
  constructor(page) {
    this.page = page;
    this.filters = {};
    this.clear();
    /** Told after any change: "anew" (other pictures), "more" (at the end) or "changed". */
    this.news = signal();
  }

  clear() {
    this.entries = [];
    this.places = new Map(); // id -> index
    this.gone = new Map(); // taken out here, to be put back by an undo
    this.next = null;
    this.total = 0;
    this.isKnown = false;
    this.error = null;
  }

  get ids() {
    return this.entries.map((one) => one.id);
  }

  get isWhole() {
    return this.isKnown && this.next === null;
  }

  entry(id) {
    return this.entries[this.places.get(id)];
  }

  /** Show what `filters` let through. The old pictures stay until the new ones are there. */
  async find(filters) {
    this.filters = filters;
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.loading = null;
    try {
      const answer = await this.page({ ...filters, limit: FIRST }, { signal });
      this.clear();
      this.isKnown = true;
      this.take(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.clear();
      this.error = error;
    }
    this.news.tell("anew");
  }

  /** Until at least `count` are there, or all. Two at once share one way. */
  async reach(count) {
    this.wanted = Math.max(count, this.loading ? this.wanted : 0);
    this.loading ??= this.load();
    await this.loading;
  }

  async load() {
    const { signal } = this.asking ?? {};
    try {
      while (this.next !== null && this.entries.length < this.wanted) {
        const { filters, next } = this;
        const limit = Math.min(MOST, Math.max(NEXT, this.wanted - this.entries.length));
        const answer = await this.page({ ...filters, limit, before: next }, { signal });
        if (signal?.aborted) return;
        this.take(answer);
        this.error = null;
        this.news.tell("more");
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error;
      this.news.tell("more");
    } finally {
      if (!signal?.aborted) this.loading = null;
    }
  }

  take({ images, next, total }) {
    for (const one of images) {
      if (this.places.has(one.id)) continue;
      this.places.set(one.id, this.entries.length);
      this.entries.push(one);
    }
    this.next = next;
    this.total = total;
  }

  /** Look whether there are new ones at the top. */
  async renew() {
    const { filters, asking } = this;
    const answer = await this.page({ ...filters, limit: NEWEST }).catch(() => null);
    if (!answer || this.asking !== asking) return;
    if (!this.isKnown) return this.find(filters);
    const known = answer.images.findIndex((one) => this.places.has(one.id));
    const fresh = answer.images.slice(0, known < 0 ? answer.images.length : known);
    const gone = this.missing(answer);
    const isOther = this.replace(answer.images);
    if (!fresh.length && !gone.length && !isOther && answer.total === this.total) return;
    if (known < 0) return this.find(filters);
    this.total = answer.total;
    this.entries = [...fresh, ...this.entries.filter((one) => !gone.includes(one))];
    this.number();
    this.news.tell("changed");
  }

  /** Take over what somebody else changed about those that are here. Is there any of it? */
  replace(images) {
    let isOther = false;
    for (const one of images) {
      const at = this.places.get(one.id);
      if (at === undefined || JSON.stringify(one) === JSON.stringify(this.entries[at])) continue;
      this.entries[at] = one;
      isOther = true;
    }
    return isOther;
  }

  /** Those at the top that somebody else took away. */
  missing({ images, next }) {
    const there = new Set(images.map((one) => one.id));
    const last = this.places.get(images.at(-1)?.id) ?? -1;
    const until = next === null ? this.entries.length : last + 1;
    return this.entries.slice(0, until).filter((one) => !there.has(one.id));
  }

  /** A change that was made here; as `changed` of `shared/pictures.js` tells it. */
  heard({ ids, what, fields }) {
    if (!this.isKnown) return;
    if (what === "changed") this.set(ids, fields);
    else if (what === "imported") this.renew();
    else if (what === "emptied") this.filters.trashed && this.find(this.filters);
    else if (what === "restored" && !this.filters.trashed) this.putBack(ids);
    else if (what !== "trashed" || !this.filters.trashed) this.takeOut(ids);
  }

  set(ids, fields) {
    const leaves = [];
    for (const id of ids) {
      const one = this.entry(id);
      if (!one) continue;
      this.entries[this.places.get(id)] = { ...one, ...fields };
      if (!this.fits(this.entry(id))) leaves.push(id);
    }
    if (leaves.length) this.takeOut(leaves);
    else if (ids.some((id) => this.gone.has(id))) this.putBack(ids, fields);
    else this.news.tell("changed");
  }

  fits(one) {
    return Object.entries(FITS).every(([name, fits]) => {
      const wanted = this.filters[name];
      return wanted === undefined || wanted === "" || fits(one, wanted);
    });
  }

  takeOut(ids) {
    const out = new Set(ids);
    const here = this.entries.filter((one) => out.has(one.id));
    if (here.length === 0) return;
    for (const one of here) this.gone.set(one.id, [this.places.get(one.id), one]);
    this.entries = this.entries.filter((one) => !out.has(one.id));
    this.total -= here.length;
    this.number();
    this.news.tell("changed");
  }

  /** Where they were: what came or went since then is newer or elsewhere, so time decides. */
  putBack(ids, fields = {}) {
    const back = ids.filter((id) => this.gone.has(id) && !this.places.has(id));
    const entries = [...this.entries];
    const places = back.map((id) => this.gone.get(id)).sort(([a], [b]) => a - b);
    for (const [at, kept] of places) {
      const one = { ...kept, ...fields };
      if (!this.fits(one)) continue;
      this.gone.delete(one.id);
      entries.splice(placeFor(one, at, entries), 0, one);
      this.total += 1;
    }
    this.entries = entries;
    this.number();
    this.news.tell("changed");
    if (back.length < ids.length) this.renew();
  }

  number() {
    this.places = new Map(this.entries.map((one, index) => [one.id, index]));
  }
}

/** `at` if the times beside it agree, else where its time belongs. */
function placeFor({ created }, at, entries) {
  const above = entries[at - 1]?.created ?? "~";
  const below = entries[at]?.created ?? "";
  if (at <= entries.length && above >= created && created >= below) return at;
  const found = entries.findIndex((one) => one.created < created);
  return found < 0 ? entries.length : found;
}
