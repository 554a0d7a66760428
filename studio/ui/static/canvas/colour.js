// The colours painted over pictures, a layer a picture, whatever tool they were painted in; their way
// to the studio, and how they come back after a reload. Knows nothing of how they are drawn.

import { signal } from "../shared/signals.js";
import { forget, read, write } from "../shared/store.js";
import { Layer } from "./layer.js";
import { pngOf } from "./png.js";
import { fromText, pack, toText, unpack } from "./runs.js";
import { planesAt, uploaded } from "./uploads.js";
import { UploadsLater } from "./uploads_later.js";

const WHOLE = 4; // that stay as they are, with all their steps
const MOST = 50;
const NOTHING = [0, 0, 0, 0];

const changes = signal();
const kept = new Map(read("sketches", [])); // image -> the ref of its sketch
const all = new Map(); // image -> Colours, the last used last

/** Call `listener(image)` after every change of what is painted over the picture `image`. */
export const onColours = changes.on;

/** What is painted over `picture` {image, width, height}. */
export function coloursOf(picture) {
  const colours = all.get(picture.image) ?? new Colours(picture);
  all.delete(picture.image);
  all.set(picture.image, colours);
  for (const one of all.values()) {
    if (all.size <= WHOLE) break;
    if (one !== colours && !one.dirty && !one.uploading) all.delete(one.image);
  }
  return colours;
}

class Colours extends UploadsLater {
  constructor({ image, width, height }) {
    super("sketch");
    this.image = image;
    this.width = width;
    this.height = height;
    this.layer = null; // until somebody paints
    this.uploaded = null; // {ref, version}
    this.awaited = kept.get(image) ?? null; // the ref of what is fetched
    this.restored = this.restore();
  }

  /** Is any colour to be seen? */
  get painted() {
    return this.layer ? this.layer.alpha.total > 0 : this.awaited !== null;
  }

  /** Is what is painted not yet on the server? */
  get dirty() {
    return Boolean(this.layer) && this.painted && this.uploaded?.version !== this.layer.version;
  }

  /** As a task names it; null until it is uploaded, and where nothing is painted. */
  get ref() {
    if (!this.layer) return this.awaited;
    return this.painted && !this.dirty ? this.uploaded.ref : null;
  }

  /** {ref, share}, the painted part of the area, 0 to 1; null where nothing is painted. */
  get described() {
    if (!this.painted) return null;
    const { alpha } = this.layer ?? {};
    return { ref: this.ref, share: alpha ? alpha.share : null };
  }

  /** What is to be painted on. */
  paper() {
    if (!this.layer) this.adopt(null, null);
    return this.layer;
  }

  adopt(planes, ref) {
    const { width, height } = this;
    this.layer = new Layer(width, height, { planes, back: NOTHING });
    this.uploaded = ref && { ref, version: this.layer.version };
    this.awaited = null;
    this.layer.onCommit = () => {
      this.schedule();
      this.tell();
    };
  }

  clear() {
    this.layer?.clear();
  }

  /** What takes back all that is painted from now on. */
  mark() {
    const steps = this.layer?.past.length ?? 0;
    return () => {
      while (this.layer && this.layer.past.length > steps) this.layer.undo();
    };
  }

  /** Be the sketch `ref`, or none: a step that undo takes back. */
  async take(ref) {
    await this.restored;
    if (ref === this.ref) return;
    if (!ref) return this.clear();
    const { width, height, planes } = await planesAt(ref);
    if (width !== this.width || height !== this.height) {
      const sizes = `${width} × ${height} pixels, the picture ${this.width} × ${this.height}`;
      throw new Error(`The sketch has ${sizes}. Make them equal.`);
    }
    this.paper().replace(planes);
    this.isUploaded(ref, this.layer.version);
  }

  /** The ref of what is painted now, once it is on the server; null where nothing is. */
  async ready() {
    await this.restored;
    this.layer?.cover.commit();
    await this.upload();
    return this.ref;
  }

  async send() {
    const { width, height, layer } = this;
    const { version } = layer;
    const planes = layer.planes.map(({ data }) => data);
    const { image } = await uploaded(await pngOf({ width, height, planes }));
    this.isUploaded(image, version);
  }

  isUploaded(ref, version) {
    this.uploaded = { ref, version };
    this.tell();
  }

  tell() {
    kept.delete(this.image);
    if (this.ref) kept.set(this.image, this.ref);
    write("sketches", [...kept].slice(-MOST));
    if (!this.dirty && read("sketch", null)?.image === this.image) forget("sketch");
    changes.tell(this.image);
  }

  /** The page goes, and an upload would not end in time: what is not uploaded stays here. */
  leave() {
    this.layer?.cover.commit();
    if (!this.dirty) return;
    const { image, width, height, layer } = this;
    const runs = layer.planes.map(({ data }) => toText(pack(data)));
    write("sketch", { image, width, height, runs });
  }

  async restore() {
    const draft = read("sketch", null);
    const { width, height } = this;
    if (draft?.image === this.image && draft.width === width && draft.height === height) {
      this.adopt(
        draft.runs.map((one) => unpack(fromText(one), width * height)),
        null,
      );
      this.schedule();
      return;
    }
    if (!this.awaited) return;
    const found = await planesAt(this.awaited).catch(() => null);
    if (this.layer || found?.width !== width || found.height !== height) return;
    this.adopt(found.planes, this.awaited);
    changes.tell(this.image);
  }
}

addEventListener("pagehide", () => {
  for (const one of all.values()) one.leave();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const one of all.values()) {
    one.leave();
    one.upload().catch(() => {});
  }
});
