// What of the picture is in sight: zoom and place. It moves by one CSS transform, so neither zoom nor
// pan draws a single pixel anew.

const STEP = 1.25;
const MARGIN = 20;
const FOOT = 56; // room for the zoom buttons under the picture
const MOST = 32; // device pixels for one of the picture
const STAYS = 48; // CSS pixels of it that always stay in sight

export class View {
  /** `world` holds the picture, whose pixel (x, y) lies at x, y CSS pixels of it. */
  constructor(port, world) {
    this.port = port;
    this.world = world;
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

  resized() {
    if (!this.content || this.port.clientWidth === 0) return;
    if (this.fitted) this.fit();
    else this.apply();
  }

  fit() {
    const { clientWidth, clientHeight } = this.port;
    if (!this.content || clientWidth === 0) return;
    const { left, top, right, bottom } = this.content;
    const margin = Math.min(MARGIN, clientWidth / 20);
    const high = clientHeight - FOOT;
    const room = Math.min(
      (clientWidth - 2 * margin) / (right - left),
      (high - margin) / (bottom - top),
    );
    this.scale = Math.max(0.005, Math.min(room, MOST / this.ratio));
    this.x = (clientWidth - (left + right) * this.scale) / 2;
    this.y = (margin + high - (top + bottom) * this.scale) / 2;
    this.fitted = true;
    this.apply();
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
    this.world.style.setProperty("--scale", String(this.scale)); // for what keeps its size
    this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.world.classList.toggle("pixels", this.zoom >= 4 && !this.fitted);
    this.port.classList.toggle("free", !this.fitted);
    this.onChange();
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
