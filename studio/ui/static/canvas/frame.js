// The frame of an outpaint: its edges and corners are dragged, chosen by shape or typed.

const CELL = 8;
const MOST = 4096;
const MOST_PIXELS = 64_000_000;
const SIDES = ["left", "top", "right", "bottom"];
const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };
const ARROWS = {
  left: { ArrowLeft: 1, ArrowRight: -1 },
  right: { ArrowRight: 1, ArrowLeft: -1 },
  top: { ArrowUp: 1, ArrowDown: -1 },
  bottom: { ArrowDown: 1, ArrowUp: -1 },
};

const snapped = (pixels) => Math.min(MOST, Math.max(0, Math.round(pixels / CELL) * CELL));

export class FrameEdges {
  /** `say(words)` tells what cannot be. */
  constructor(root, view, source, say) {
    this.view = view;
    this.source = source;
    this.say = say;
    this.element = root.querySelector(".canvas-frame");
    this.size = root.querySelector(".canvas-new-size");
    this.boxes = root.querySelectorAll("[data-side]");
    for (const handle of root.querySelectorAll(".canvas-handle")) this.bindHandle(handle);
    for (const box of this.boxes) this.bindBox(box);
    for (const button of root.querySelectorAll("[data-ratio]")) {
      button.addEventListener("click", () => this.shape(button.dataset.ratio));
    }
  }

  /** What the view should hold: the picture with all that is added. */
  get bounds() {
    const { picture, frame } = this.source;
    return {
      left: -frame.left,
      top: -frame.top,
      right: picture.width + frame.right,
      bottom: picture.height + frame.bottom,
    };
  }

  /** Make it so, as one step that undo takes back. */
  set(frame) {
    const before = this.source.frame;
    if (!this.change(frame)) return;
    this.source.commitFrame(before);
    this.view.show(this.bounds, false);
  }

  reset() {
    this.set({ left: 0, top: 0, right: 0, bottom: 0 });
  }

  /** Widen evenly to the shape "W:H", by whole cells. */
  shape(ratio) {
    const { width, height } = this.source.picture;
    const [across, down] = ratio.split(":").map(Number);
    const add = (wanted, have) => Math.max(0, Math.ceil((wanted - have) / CELL - 0.5) * CELL);
    const wide = add((height * across) / down, width);
    const high = add((width * down) / across, height);
    const half = (length) => Math.floor(length / 2 / CELL) * CELL;
    if (wide + high === 0) this.say(`The picture has the shape ${ratio} already.`);
    const [left, top] = [half(wide), half(high)];
    this.set({ left, top, right: wide - left, bottom: high - top });
  }

  change(frame) {
    const { width, height } = this.source.picture;
    const [across, down] = [width + frame.left + frame.right, height + frame.top + frame.bottom];
    if (across * down > MOST_PIXELS) {
      this.say("No larger: a picture may have 64 megapixels.");
      return false;
    }
    this.source.setFrame(frame);
    return true;
  }

  bindHandle(handle) {
    const sides = handle.dataset.handle.split("-");
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      this.drag(handle, sides, event);
    });
    handle.addEventListener("keydown", (event) => {
      const step = ARROWS[sides[0]]?.[event.key];
      if (!step || sides.length > 1) return;
      event.preventDefault();
      event.stopPropagation();
      const [side] = sides;
      const { frame } = this.source;
      this.set({ ...frame, [side]: snapped(frame[side] + step * CELL * (event.shiftKey ? 8 : 1)) });
    });
  }

  drag(handle, sides, { clientX, clientY, pointerId }) {
    const before = this.source.frame;
    const move = (event) => {
      if (event.pointerId !== pointerId) return;
      const dx = (event.clientX - clientX) / this.view.scale;
      const dy = (event.clientY - clientY) / this.view.scale;
      const outwards = { left: -dx, right: dx, top: -dy, bottom: dy };
      const frame = { ...before };
      for (const side of sides) {
        frame[side] = snapped(before[side] + outwards[side]);
        if (event.altKey) frame[OPPOSITE[side]] = frame[side];
      }
      this.change(frame);
    };
    const end = () => {
      handle.removeEventListener("pointermove", move);
      handle.removeEventListener("lostpointercapture", end);
      this.source.commitFrame(before);
      this.view.show(this.bounds, false);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", end);
  }

  bindBox(box) {
    box.addEventListener("change", () => {
      const { frame } = this.source;
      this.set({ ...frame, [box.dataset.side]: snapped(Number(box.value) || 0) });
      this.draw();
    });
  }

  draw() {
    const { picture, frame } = this.source;
    if (!picture) return;
    const { left, top, right, bottom } = this.bounds;
    const [x, y] = this.view.fromPicture(left, top);
    const [x1, y1] = this.view.fromPicture(right, bottom);
    Object.assign(this.element.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${x1 - x}px`,
      height: `${y1 - y}px`,
    });
    this.size.textContent = `${right - left} × ${bottom - top}`;
    for (const box of this.boxes) {
      if (document.activeElement !== box) box.value = frame[box.dataset.side];
    }
    for (const side of SIDES) {
      const handle = this.element.querySelector(`[data-handle=${side}]`);
      handle.setAttribute("aria-valuenow", String(frame[side]));
      handle.setAttribute("aria-valuetext", `${frame[side]} pixels added`);
    }
  }
}
