// Pointers over a canvas: which of them moves the view, and which works on the picture. One finger
// paints and two move the view, unless a pen was used: then fingers only move it.

const QUICK_MS = 300;
const LINE_PX = 16;
const WHEEL_RATE = 0.002; // of zoom's logarithm per pixel
const PINCH_RATE = 0.012;
const PINCH_BELOW = 40;
const MOST_WHEEL = 200;
const STILL_PX = 3; // that a pointer moves in a click

export class Pointers {
  /** `begin(event)` returns what a press starts, {move(events), end(event), cancel()} and what gets the
   * `focus`, or null to move the view. `touches(event)` says whether one finger works on the picture; else it scrolls the
   * page, or moves the view where that is not fitted. `menu`: the right button opens the browser's. */
  constructor(port, view, { begin, touches = (_event) => true, menu = false }) {
    this.port = port;
    this.view = view;
    this.begin = begin;
    this.touches = touches;
    this.fingers = new Map();
    this.gesture = null;
    this.penSeen = false;
    this.isOver = false;
    this.spaceHeld = false;
    const on = (name, act, options) => port.addEventListener(name, (event) => act(event), options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.moved(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event));
    on("lostpointercapture", (event) => this.up(event));
    on("pointerenter", () => (this.isOver = true));
    on("pointerleave", () => (this.isOver = false));
    on("wheel", (event) => this.wheel(event), { passive: false });
    if (!menu) on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
  }

  down(event) {
    if (event.target.closest("button, label, .canvas-handle")) return;
    if (event.pointerType === "pen") this.penSeen = true;
    if (event.pointerType === "touch" && !this.finger(event)) return;
    if (this.gesture?.id === event.pointerId) this.cancel(); // its end was not seen
    if (this.gesture || ![0, 1, 2, 5].includes(event.button)) return;
    const moves = event.button === 1 || this.spaceHeld || (this.isTouch(event) && this.penSeen);
    const act = (moves ? null : this.begin(event)) ?? (event.button === 2 ? null : this.pan(event));
    if (!act) return;
    event.preventDefault();
    (act.focus ?? this.port).focus({ preventScroll: true });
    if (!act.isView) this.port.setPointerCapture(event.pointerId); // a click is what it hits
    this.start({ ...act, id: event.pointerId, since: event.timeStamp });
  }

  /** While somebody works on the picture, what lies over its edges gets out of the way. */
  start(gesture) {
    this.gesture = gesture;
    document.body.classList.toggle("at-work", gesture !== null);
  }

  isTouch(event) {
    return event.pointerType === "touch";
  }

  /** A finger more. The second one moves the view, if the first has only just begun. */
  finger(event) {
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size === 2) {
      const early = !this.gesture || event.timeStamp - this.gesture.since < QUICK_MS;
      if (early || this.gesture.isView) {
        this.gesture?.cancel();
        this.start({ ...this.pinch(), id: null });
        for (const id of this.fingers.keys()) this.port.setPointerCapture(id);
      }
      return false;
    }
    return this.fingers.size === 1 && (this.touches(event) || !this.view.fitted);
  }

  moved(event) {
    if (this.fingers.has(event.pointerId)) {
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.gesture?.id === null) this.gesture.move();
    }
    if (this.gesture?.id !== event.pointerId) return;
    const points = event.getCoalescedEvents?.() ?? [];
    this.gesture.move(points.length > 0 ? points : [event]);
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    const { gesture } = this;
    const ends =
      gesture && (gesture.id === event.pointerId || (gesture.id === null && this.fingers.size < 2));
    if (!ends) return;
    this.start(null);
    gesture.end(event);
  }

  /** Take back what is under way; false if nothing is. */
  cancel() {
    if (!this.gesture) return false;
    this.gesture.cancel();
    this.start(null);
    return true;
  }

  pan(event) {
    let [x, y] = [event.clientX, event.clientY];
    const { pointerId } = event;
    const end = () => this.port.classList.remove("moving");
    return {
      isView: true,
      move: (events) => {
        const { clientX, clientY } = events.at(-1);
        if (!this.port.classList.contains("moving")) {
          if (Math.hypot(clientX - x, clientY - y) < STILL_PX) return;
          this.port.setPointerCapture(pointerId);
          this.port.classList.add("moving");
        }
        this.view.panBy(clientX - x, clientY - y);
        [x, y] = [clientX, clientY];
      },
      end,
      cancel: end,
    };
  }

  pinch() {
    const look = () => {
      const [[x0, y0], [x1, y1]] = this.fingers.values();
      return {
        x: (x0 + x1) / 2,
        y: (y0 + y1) / 2,
        apart: Math.max(1, Math.hypot(x1 - x0, y1 - y0)),
      };
    };
    let before = look();
    return {
      isView: true,
      move: () => {
        if (this.fingers.size < 2) return;
        const now = look();
        this.view.panBy(now.x - before.x, now.y - before.y);
        this.view.zoomAt(now.apart / before.apart, now.x, now.y);
        before = now;
      },
      end: () => {},
      cancel: () => {},
    };
  }

  wheel(event) {
    if (!this.view.content) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE_PX : 1;
    if (event.shiftKey || (event.deltaX && !event.ctrlKey)) {
      const sideways = event.shiftKey && !event.deltaX;
      const [dx, dy] = sideways ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
      this.view.panBy(-dx * unit, -dy * unit);
    } else {
      // A pinch on a touchpad arrives as a wheel with Ctrl, in small steps.
      const delta = Math.max(-MOST_WHEEL, Math.min(MOST_WHEEL, event.deltaY * unit));
      const isPinch = event.ctrlKey && Math.abs(delta) < PINCH_BELOW;
      const rate = isPinch ? PINCH_RATE : WHEEL_RATE;
      this.view.zoomAt(Math.exp(-delta * rate), event.clientX, event.clientY);
    }
  }
}
