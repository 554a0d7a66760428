// Where each picture of the library stands: rows that fill the width, each day under its heading.
// Knows no page.

const HEADING_PX = 36;
const LOWEST_PX = 24;
const NARROWEST = 0.5;
const WIDEST = 3;

/** Width for a height of 1; what is very long is cut. */
const ratioOf = ({ width, height }) =>
  Math.min(WIDEST, Math.max(NARROWEST, width > 0 && height > 0 ? width / height : 1));

/**
 * Rows of a grid, each {top, height, from, to}: of the pictures from, from + 1, … to - 1, with their
 * `lefts` and `widths`; or the heading of a day, which holds none and has `day`. All lengths are in
 * CSS pixels.
 */
export class Layout {
  /** `width` of all; `side`, about what a row is high; `gap` between pictures; `dayOf(entry)`
   * parts the days. */
  constructor({ width, side, gap = 4, dayOf }) {
    this.width = width;
    this.side = side;
    this.gap = gap;
    this.dayOf = dayOf;
    this.rows = [];
    this.count = 0;
  }

  /** The height of what is laid out. */
  get height() {
    const last = this.rows.at(-1);
    return last ? last.top + last.height : 0;
  }

  /** The height that `total` pictures will take, those that are not laid out estimated. */
  heightOf(total) {
    if (this.count >= total) return this.height;
    const across = Math.max(1, Math.floor((this.width + this.gap) / (this.side + this.gap)));
    const each = this.count > 0 ? this.height / this.count : (this.side + this.gap) / across;
    return this.height + Math.ceil((total - this.count) * each);
  }

  /** Lay out what was added at the end of `entries`. The last row may be filled up. */
  extend(entries) {
    const last = this.rows.pop(); // a heading is never the last
    let at = last?.from ?? 0;
    let day = last && this.dayOf(entries[at]);
    while (at < entries.length) {
      const next = this.dayOf(entries[at]);
      if (next !== day) this.heading(next, at);
      day = next;
      at = this.row(entries, at, day);
    }
    this.count = entries.length;
  }

  get end() {
    const last = this.rows.at(-1);
    return last ? last.top + last.height + (last.day === undefined ? this.gap : 0) : 0;
  }

  heading(day, at) {
    // The last row's gap is the heading's own room.
    this.rows.push({ top: this.end, height: HEADING_PX, from: at, to: at, day });
  }

  /** One row from `from` on; the answer is where the next begins. It is as many pictures as make
   * its height nearest to `side`. */
  row(entries, from, day) {
    const ratios = [];
    let sum = 0;
    let isFull = false;
    for (let at = from; at < entries.length && !isFull && this.dayOf(entries[at]) === day; at++) {
      ratios.push(ratioOf(entries[at]));
      sum += ratios.at(-1);
      isFull = sum * this.side + this.gap * (ratios.length - 1) >= this.width;
    }
    const heightFor = (count, all) => Math.floor((this.width - this.gap * (count - 1)) / all);
    let height = isFull ? heightFor(ratios.length, sum) : this.sideBelow();
    if (isFull && ratios.length > 1) {
      const higher = heightFor(ratios.length - 1, sum - ratios.at(-1));
      if (higher - this.side < this.side - height) {
        ratios.pop();
        height = higher;
      }
    }
    this.put(from, ratios, Math.max(LOWEST_PX, height), isFull);
    return from + ratios.length;
  }

  /** What a row that is not full is high: no more than the one above it, if it is of the same
   * day, whose heading else stands there. */
  sideBelow() {
    const above = this.rows.at(-1);
    return above?.day === undefined ? Math.min(this.side, above?.height ?? this.side) : this.side;
  }

  put(from, ratios, height, isFull) {
    const lefts = [];
    const widths = [];
    let left = 0;
    ratios.forEach((ratio, place) => {
      const isLast = isFull && place === ratios.length - 1;
      const width = isLast ? this.width - left : Math.round(ratio * height);
      lefts.push(left);
      widths.push(width);
      left += width + this.gap;
    });
    this.rows.push({ top: this.end, height, from, to: from + ratios.length, lefts, widths });
  }

  /** Places in `rows` of the first row that ends below `top`, and of that after the last which
   * begins above `bottom`. */
  between(top, bottom) {
    const from = firstWhere(this.rows, (row) => row.top + row.height > top);
    return [from, firstWhere(this.rows, (row) => row.top >= bottom)];
  }

  /** The row that holds the picture `index`. */
  rowOf(index) {
    return this.rows[firstWhere(this.rows, (row) => row.to > index)];
  }

  /** The picture above (`step` -1) or below (1) of `index`, nearest to its middle; itself where
   * there is none. */
  beside(index, step) {
    const at = firstWhere(this.rows, (row) => row.to > index);
    const own = this.rows[at];
    if (!own) return index;
    const middle = own.lefts[index - own.from] + own.widths[index - own.from] / 2;
    let next = at + step;
    while (this.rows[next] && this.rows[next].day !== undefined) next += step;
    const row = this.rows[next];
    if (!row) return index;
    const far = (place) => Math.abs(row.lefts[place] + row.widths[place] / 2 - middle);
    let best = 0;
    for (let place = 1; place < row.lefts.length; place++) if (far(place) < far(best)) best = place;
    return row.from + best;
  }
}

/** The first place in `rows` of which `holds` is true, which is so for all that follow. */
function firstWhere(rows, holds) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(rows[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
