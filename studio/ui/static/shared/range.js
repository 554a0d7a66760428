// Numbers that a slider sets: their bounds and steps.

/** A field's range and the way from values to positions on the track. */
export class Range {
  constructor({ minimum, maximum, step }, isLogarithmic) {
    this.minimum = minimum;
    this.maximum = maximum;
    this.step = step;
    this.isLogarithmic = isLogarithmic;
  }

  share(value) {
    const inside = this.clamp(value);
    if (!this.isLogarithmic) return (inside - this.minimum) / (this.maximum - this.minimum);
    return Math.log(inside / this.minimum) / Math.log(this.maximum / this.minimum);
  }

  toTrack(value) {
    return this.isLogarithmic ? 1000 * this.share(value) : value;
  }

  fromTrack(position) {
    if (!this.isLogarithmic) return position;
    return this.minimum * (this.maximum / this.minimum) ** (position / 1000);
  }

  clamp(value) {
    return Math.min(this.maximum, Math.max(this.minimum, value));
  }

  snap(value) {
    const steps = Math.round((value - this.minimum) / this.step);
    return Number(this.clamp(this.minimum + steps * this.step).toFixed(6));
  }

  /** What a typed number becomes: fractions may be finer than the slider's step. */
  accept(value) {
    return Number.isInteger(this.step) ? this.snap(value) : this.clamp(value);
  }

  /** Why `accept` makes another number of `value`, in words; "" where it does not. */
  words(value) {
    if (value > this.maximum) return `${this.maximum} is the most`;
    if (value < this.minimum) return `${this.minimum} is the least`;
    const taken = this.accept(value);
    return taken === value ? "" : `${taken}, as it goes in steps of ${this.step}`;
  }
}
