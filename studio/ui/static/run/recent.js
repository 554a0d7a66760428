// The strip of this browser's recent pictures.

import { address } from "../shared/data.js";
import { ask } from "../shared/server.js";
import { read, write } from "../shared/store.js";

const MOST = 60;

export class Recent {
  /** `choose(picture)` is called with the one that was clicked. */
  constructor(strip, choose) {
    this.strip = strip;
    this.choose = choose;
    this.pictures = read("recent", []);
    this.chosen = null;
    this.live = null;
    addEventListener("storage", (event) => {
      if (event.key !== "studio.recent") return;
      this.pictures = read("recent", []);
      this.draw();
    });
    strip.addEventListener(
      "wheel",
      (event) => {
        if (!event.deltaX) strip.scrollLeft += event.deltaY;
      },
      { passive: true },
    );
    this.draw();
  }

  add(pictures) {
    const ids = new Set(pictures.map((one) => one.id));
    const others = read("recent", []).filter((one) => !ids.has(one.id));
    this.pictures = [...pictures, ...others].slice(0, MOST);
    while (!write("recent", this.pictures) && this.pictures.length > 1) this.pictures.pop();
    this.draw();
  }

  drop(picture) {
    this.pictures = this.pictures.filter((one) => one.id !== picture.id);
    write("recent", this.pictures);
    this.draw();
  }

  mark(picture) {
    this.chosen = picture?.id ?? null;
    for (const tile of this.strip.children) {
      if (tile.dataset.id === this.chosen) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    }
    const tile = this.strip.querySelector("[aria-current]");
    tile?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The neighbour of the chosen picture, `step` places on; undefined at the end. */
  neighbour(step) {
    const at = this.pictures.findIndex((one) => one.id === this.chosen);
    return at < 0 ? this.pictures[0] : this.pictures[at + step];
  }

  draw() {
    const have = new Map([...this.strip.children].map((tile) => [tile.dataset.id, tile]));
    const tiles = this.pictures.map((one) => have.get(one.id) ?? this.tile(one));
    this.strip.replaceChildren(...(this.live ? [this.live] : []), ...tiles);
    this.mark({ id: this.chosen });
  }

  /** A first tile that leads back to the running picture; null takes it away. */
  showLive(back) {
    if (back && !this.live) {
      this.live = document.createElement("button");
      this.live.type = "button";
      this.live.className = "tile running";
      this.live.textContent = "Running";
      this.live.addEventListener("click", () => back());
      this.strip.prepend(this.live);
    } else if (!back && this.live) {
      this.live.remove();
      this.live = null;
    }
  }

  tile(picture) {
    const button = document.createElement("button");
    const image = new Image();
    button.type = "button";
    button.className = "tile";
    button.dataset.id = picture.id;
    button.title = picture.request.prompt.slice(0, 300);
    button.setAttribute(
      "aria-label",
      `Seed ${picture.seed}: ${picture.request.prompt.slice(0, 200)}`,
    );
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    image.src = address(picture.url);
    image.addEventListener("error", () => this.forgetMissing(picture));
    button.append(image);
    button.addEventListener("click", () => this.choose(picture));
    return button;
  }

  /** Its file was deleted, or the server cannot be reached: only the former is for good. */
  async forgetMissing(picture) {
    const error = await ask(picture.url).catch((failed) => failed);
    if (error.status === 404) this.drop(picture);
  }
}
