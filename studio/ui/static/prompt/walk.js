// Going through the prompts that were used. Knows no page.

const same = (a, b) => a.prompt === b.prompt && a.negative_prompt === b.negative_prompt;

/** `load(next)` gives a page {prompts, next} of them, the last used first. What was typed and not
 * sent is the newest of them. */
export class Walk {
  constructor(load) {
    this.load = load;
    this.forget();
  }

  /** Begin anew: there are others by now. */
  forget() {
    this.entries = [];
    this.next = undefined;
    this.at = -1;
    this.shown = null;
    this.turns = Promise.resolve(null);
  }

  /** The entry before (`direction` 1) or behind (-1) that which is shown, null where there is none;
   * `present()` is what the prompts hold. One step is taken after the other. */
  step(direction, present) {
    this.turns = this.turns.catch(() => null).then(() => this.taken(direction, present()));
    return this.turns;
  }

  /** Show an entry that was chosen otherwise; the way back leads to `present`. */
  jump(entry, present) {
    this.forget();
    this.draft = present;
    this.entries = [entry];
    this.next = null;
    this.at = 0;
    this.shown = entry;
  }

  async taken(direction, present) {
    if (!this.shown || !same(this.shown, present)) {
      if (this.shown) this.forget();
      this.draft = present;
    }
    if (direction < 0) {
      if (this.at < 0) return null;
      this.at -= 1;
    } else {
      const at = await this.older();
      if (at === null) return null;
      this.at = at;
    }
    this.shown = this.at < 0 ? this.draft : this.entries[this.at];
    return this.shown;
  }

  async older() {
    for (let at = this.at + 1; ; at += 1) {
      if (at === this.entries.length) {
        if (this.next === null) return null;
        const page = await this.load(this.next);
        this.entries.push(...page.prompts);
        this.next = page.next;
        if (at === this.entries.length) return null;
      }
      if (!same(this.entries[at], this.draft)) return at;
    }
  }
}
