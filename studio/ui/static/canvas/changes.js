// What changed since it was last drawn: one box that grows until the next frame, which draws it.

export class Changes {
  /** `draw({left, top, right, bottom})`, in pixels, right and bottom exclusive, once a frame at most. */
  constructor(draw) {
    this.draw = draw;
    this.box = null;
    this.frame = 0;
    this.add = this.add.bind(this);
  }

  /** These pixels changed. */
  add(left, top, right, bottom) {
    const old = this.box ?? { left, top, right, bottom };
    this.box = {
      left: Math.min(old.left, left),
      top: Math.min(old.top, top),
      right: Math.max(old.right, right),
      bottom: Math.max(old.bottom, bottom),
    };
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.flush();
    });
  }

  /** What is drawn is another thing now, of which nothing has changed yet. */
  forget() {
    this.box = null;
  }

  /** Draw what there is at once. */
  flush() {
    const { box } = this;
    this.box = null;
    if (box) this.draw(box);
  }
}
