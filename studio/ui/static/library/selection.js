// Which pictures of the library are selected, and which one the keys are at. Knows no page.
//
// After a plain click or an arrow key the selection is the one that the keys are at. Once pictures
// are marked (Ctrl, Shift, Space, a long press) arrows leave the marks alone.

export class Selection {
  constructor() {
    /** @type {Set<string>} */
    this.ids = new Set();
    /** The one that the keys are at. */
    this.active = null;
    this.anchor = null;
    this.isMarking = false;
  }

  has(id) {
    return this.ids.has(id);
  }

  /** This one alone. */
  only(id) {
    this.ids = new Set([id]);
    this.active = id;
    this.anchor = id;
    this.isMarking = false;
  }

  /** One more, or one less. */
  toggle(id) {
    if (this.ids.has(id) && this.isMarking) this.ids.delete(id);
    else this.ids.add(id);
    this.active = id;
    this.anchor = id;
    this.isMarking = this.ids.size > 0;
  }

  /** All from where it began to `id`, in the order of `ids`. */
  extend(id, ids) {
    const from = Math.max(0, ids.indexOf(this.anchor ?? this.active ?? id));
    const to = ids.indexOf(id);
    this.ids = new Set(ids.slice(Math.min(from, to), Math.max(from, to) + 1));
    this.anchor = ids[from];
    this.active = id;
    this.isMarking = true;
  }

  /** The keys go to `id`. */
  move(id) {
    if (this.isMarking) this.active = id;
    else this.only(id);
  }

  all(ids) {
    this.ids = new Set(ids);
    this.isMarking = ids.length > 0;
    this.active ??= ids[0] ?? null;
  }

  /** Nothing is selected; the keys stay where they are. */
  clear() {
    this.ids = new Set();
    this.isMarking = false;
  }

  /** `before` became `after`: what is gone is not selected; the keys go to what took its place. */
  keep(before, after) {
    const there = new Set(after);
    this.ids = new Set([...this.ids].filter((id) => there.has(id)));
    if (this.ids.size === 0) this.isMarking = false;
    if (this.anchor !== null && !there.has(this.anchor)) this.anchor = null;
    if (this.active === null || there.has(this.active)) return;
    const at = before.indexOf(this.active);
    const next = before.slice(at).find((id) => there.has(id));
    this.active = next ?? after.at(-1) ?? null;
    if (this.active !== null && this.ids.size === 0) this.only(this.active);
  }
}
