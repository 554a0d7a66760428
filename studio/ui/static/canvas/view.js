// What of the picture is in sight: zoom and place. It moves by one CSS transform, so neither zoom nor
// pan draws a single pixel anew; or, where words lie over it that keep their size, by its box.

const STEP = 1.25;
const MARGIN = 2;
export const BAND = 64; // of what is said at the lower edge of a wide one
export const FOOT = 56; // room for the zoom buttons under the picture, in a narrow port
const NARROW = 620; // a port as on a phone, CSS pixels
const MOST = 32; // device pixels for one of the picture
const STAYS = 48; // CSS pixels of it that always stay in sight

export class View {
  /** `world` holds the picture, whose pixel (x, y) lies at x, y CSS pixels of it; a `boxed` one gets
   * the picture's place and size instead. The fitted picture leaves a `margin` around it, a `foot`
   * in a narrow port, and a `band` at the lower edge of a wide one, where there is room to spare. */
  constructor(port, world, { boxed = false, margin = MARGIN, foot = 0, band = 0 } = {}) {
    this.port = port;
    this.world = world;
    this.boxed = boxed;
    this.room = { margin, foot, band };
    this.scale = 1; // CSS pixels for one of the picture
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    this.content = null; // what is to be in sight when it fits: a box in pixels
    this.onChange = () => {};
    new ResizeObserver(() => this.resized()).observe(port);
  }

  get ratio() {
    return devicePixelRatio || 1;
  }

  /** Device pixels for one pixel of the picture. */
  get zoom() {
    return this.scale * this.ratio;
  }

  /** Fit a box {left, top, right, bottom} of the picture's pixels; null for nothing to see. */
  show(content, fit = true) {
    this.content = content;
    if (content && (fit || this.fitted)) this.fit();
  }

  /** Another picture: one of the same shape keeps its place, whatever its pixels. */
  exchange(content) {
    const old = this.content;
    const ratio = ({ left, right, top, bottom }) => (right - left) / (bottom - top);
    const isAlike = old && Math.abs(ratio(old) / ratio(content) - 1) < 0.01;
    if (!isAlike || this.fitted) return this.show(content);
    this.content = content;
    this.scale *= (old.right - old.left) / (content.right - content.left);
    return this.apply();
  }

  resized() {
    if (!this.content || this.port.clientWidth === 0) return;
    if (this.fitted) this.fit();
    else this.apply();
  }

  fit() {
    const { clientWidth } = this.port;
    if (!this.content || clientWidth === 0) return;
    const { left, top, right } = this.content;
    const { scale, above } = this.fitting();
    this.scale = scale;
    this.x = (clientWidth - (left + right) * scale) / 2;
    this.y = above - top * scale;
    this.fitted = true;
    this.apply();
  }

  /** How the whole picture lies in the port: its scale, and the CSS pixels above, below and beside it. */
  fitting() {
    const { clientWidth, clientHeight } = this.port;
    const { left, top, right, bottom } = this.content;
    const isNarrow = clientWidth <= NARROW;
    const { margin } = this.room;
    const high = clientHeight - (isNarrow ? this.room.foot : 0);
    const room = Math.min(
      (clientWidth - 2 * margin) / (right - left),
      (high - 2 * margin) / (bottom - top),
    );
    const scale = Math.max(0.005, Math.min(room, MOST / this.ratio));
    const spare = high - (bottom - top) * scale;
    const least = Math.max(margin, (spare - (isNarrow ? 0 : this.room.band)) / 2);
    const above = Math.min(spare / 2, least);
    const beside = (clientWidth - (right - left) * scale) / 2;
    return { scale, above, below: spare - above, beside };
  }

  /** Zoom by `factor`; what lies under the point (of the window) stays there. */
  zoomAt(factor, clientX, clientY) {
    if (!this.content) return;
    const [x, y] = this.toPort(clientX, clientY);
    const scale = Math.min(MOST / this.ratio, Math.max(this.least, this.scale * factor));
    this.x = x - (x - this.x) * (scale / this.scale);
    this.y = y - (y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.fitted = false;
    this.apply();
  }

  /** The room {below, beside} that the whole picture leaves in a port so `wide`, in CSS pixels; null
   * with nothing to see. */
  get spare() {
    const { clientWidth: wide } = this.port;
    return this.content && wide ? { ...this.fitting(), wide } : null;
  }

  zoomBy(steps) {
    const [x, y] = this.middle;
    this.zoomAt(STEP ** steps, x, y);
  }

  /** One pixel of the picture for `zoom`⁻¹ of the screen. */
  zoomTo(zoom) {
    const [x, y] = this.middle;
    this.zoomAt(zoom / this.zoom, x, y);
  }

  get middle() {
    const { left, top, width, height } = this.port.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  }

  get least() {
    const { left, right, top, bottom } = this.content;
    return Math.min(1, 32 / Math.max(right - left, bottom - top));
  }

  panBy(dx, dy) {
    if (!this.content) return;
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.apply();
  }

  apply() {
    const { clientWidth, clientHeight } = this.port;
    const { left, top, right, bottom } = this.content;
    const hold = (at, from, to, room) =>
      Math.min(room - STAYS - from * this.scale, Math.max(STAYS - to * this.scale, at));
    this.x = hold(this.x, left, right, clientWidth);
    this.y = hold(this.y, top, bottom, clientHeight);
    if (this.boxed) this.box();
    else {
      this.world.style.setProperty("--scale", String(this.scale)); // for what keeps its size
      this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    }
    this.world.classList.toggle("pixels", this.zoom >= 4 && !this.fitted);
    this.port.classList.toggle("free", !this.fitted);
    this.onChange();
  }

  /** Place and size, and how much of each side is out of sight, in CSS pixels. */
  box() {
    const { left, top, right, bottom } = this.content;
    const [x0, y0] = this.fromPicture(left, top);
    const [x1, y1] = this.fromPicture(right, bottom);
    const { style } = this.world;
    const sizes = { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
    for (const [name, size] of Object.entries(sizes)) style[name] = `${size}px`;
    const { clientWidth, clientHeight } = this.port;
    const cut = { left: -x0, top: -y0, right: x1 - clientWidth, bottom: y1 - clientHeight };
    for (const [side, size] of Object.entries(cut))
      style.setProperty(`--cut-${side}`, `${Math.max(0, size)}px`);
  }

  toPort(clientX, clientY) {
    const { left, top } = this.port.getBoundingClientRect();
    return [clientX - left - this.port.clientLeft, clientY - top - this.port.clientTop];
  }

  /** A point of the window as a place in the picture, in pixels. */
  toPicture(clientX, clientY) {
    const [x, y] = this.toPort(clientX, clientY);
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /** A place in the picture as CSS pixels of the port. */
  fromPicture(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** The box of the picture's pixels that is in sight. */
  get visible() {
    const { clientWidth, clientHeight } = this.port;
    return {
      left: Math.floor(-this.x / this.scale),
      top: Math.floor(-this.y / this.scale),
      right: Math.ceil((clientWidth - this.x) / this.scale),
      bottom: Math.ceil((clientHeight - this.y) / this.scale),
    };
  }
}
