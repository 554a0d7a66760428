// The map of a unit beside its picture: asked of the server while something changes, one at a time,
// and of what was missed meanwhile only the latest.

import { make } from "../shared/dom.js";
import { ask } from "../shared/server.js";

const WAIT_MS = 30;

/** What a map is asked with, besides the preprocessor's name. */
export function mapRequest(unit, picture, { width, height }, mask) {
  const { controlnet, settings, resolution, resize_mode } = unit;
  const body = { image: picture.image, settings, resolution, width, height, resize_mode, mask };
  return controlnet ? { ...body, controlnet } : body;
}

export class MapView {
  /** `onMap(isThere)` hears whether a map is shown. */
  constructor(figure, onMap) {
    this.figure = figure;
    this.place = figure.querySelector(".unit-place");
    this.words = figure.querySelector(".unit-map-words");
    this.onMap = onMap;
    this.image = null;
    this.blob = null;
    this.shown = ""; // what the picture in the figure was asked with
    this.wanted = null;
    this.isBusy = false;
  }

  /** Show the map of `name` for `body`; `why` says instead why there is none. */
  want(name, body, why = "") {
    const key = body ? JSON.stringify([name, body]) : "";
    if (key && key === (this.wanted?.key ?? this.shown)) return;
    this.wanted = { key, name, body };
    if (!body) {
      this.shown = "";
      this.empty(why);
      return;
    }
    if (!this.image) this.words.textContent = "";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.next(), WAIT_MS);
  }

  async next() {
    if (this.isBusy || !this.wanted?.key || this.wanted.key === this.shown) return;
    const { key, name, body } = this.wanted;
    this.isBusy = true;
    this.figure.classList.add("waiting");
    const { blob, words } = await made(name, body);
    if (this.wanted?.key === key || (blob && this.wanted?.key)) {
      if (blob) await this.show(blob);
      else this.empty(words);
      this.shown = key;
    }
    this.isBusy = false;
    this.figure.classList.remove("waiting");
    if (this.wanted?.key && this.wanted.key !== this.shown) this.next();
    else if (this.wanted?.key) this.figure.dataset.shown = name;
  }

  async show(blob) {
    const image = make("img", { src: URL.createObjectURL(blob), alt: "Map" });
    await image.decode().catch(() => null);
    const old = this.image;
    this.image = image;
    this.blob = blob;
    this.words.textContent = "";
    this.figure.dataset.state = "ready";
    if (old) old.replaceWith(image);
    else this.place.append(image);
    if (old) URL.revokeObjectURL(old.src);
    this.onMap(true);
  }

  empty(words) {
    this.image?.remove();
    if (this.image) URL.revokeObjectURL(this.image.src);
    this.image = null;
    this.blob = null;
    this.words.textContent = words;
    this.figure.dataset.state = "empty";
    delete this.figure.dataset.shown;
    this.onMap(false);
  }
}

async function made(name, body) {
  const path = `studio/v1/preprocessors/${encodeURIComponent(name)}/map`;
  try {
    const answer = await ask(path, { method: "POST", json: body });
    return { blob: await answer.blob() };
  } catch (error) {
    return { words: error.message };
  }
}
