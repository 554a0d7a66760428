// The strip under the picture: the library's newest, the same on every device.

import { address } from "../shared/data.js";
import { icon, make } from "../shared/dom.js";
import { folding } from "../shared/folding.js";
import * as pictures from "../shared/pictures.js";
import { results } from "../shared/results.js";
import { signal } from "../shared/signals.js";
import { account, onStatus, queued } from "../shared/status.js";

const PAGE = 60;
const CALM_MS = 9000;
const SIDE = devicePixelRatio > 1.5 ? 256 : 128;
const SMALL = "(max-width: 1099px)"; // windows in which the picture needs the strip's room

export const thumbnail = (one, side = SIDE) => address(`${one.url}/thumbnail?side=${side}`);

export function stripFold(button) {
  folding(button, "strip-folded", matchMedia(SMALL).matches);
}

export class Strip {
  /** of.choose(entry) and of.discard(entry) are called with what was clicked; of.isOurs(job) says
   * whether this page follows it. */
  constructor(element, of) {
    this.element = element;
    this.of = of;
    this.entries = [];
    this.next = null;
    this.isKnown = false;
    this.chosen = null;
    this.live = null;
    this.last = Promise.resolve();
    this.seen = { count: 0, ms: 0 };
    this.arrivals = signal(); // tells the newest that came from elsewhere
    element.addEventListener(
      "wheel",
      (event) => {
        if (!event.deltaX) element.scrollLeft += event.deltaY;
      },
      { passive: true },
    );
    element.addEventListener("scroll", () => this.more(), { passive: true });
    pictures.changed.on((change) => this.heard(change));
    onStatus(() => this.isKnown && this.look());
    document.addEventListener("visibilitychange", () => {
      this.seen.ms = 0;
      if (this.isKnown) this.look();
    });
  }

  /** What is the newest now; the older ones that were asked for stay while somebody is at them. */
  renew() {
    this.last = this.last.then(() => this.load()).catch(() => null);
    return this.last;
  }

  async load() {
    const { images, next } = await pictures.page({ limit: PAGE, mine: account() !== null });
    const had = new Set(this.entries.map(({ id }) => id));
    const fresh = images.filter(({ id, job }) => !had.has(id) && !this.of.isOurs(job));
    const isNews = this.isKnown && fresh.length > 0 && fresh[0].id === images[0].id;
    const oldest = images.at(-1)?.created ?? "";
    const older = this.entries.filter(({ created }) => created < oldest);
    const tail = next === null || !this.isAmong(older) ? [] : older;
    if (tail.length === 0) this.next = next;
    this.entries = [...images, ...tail];
    this.isKnown = true;
    this.seen.ms = Date.now();
    this.draw();
    if (isNews) this.arrivals.tell(fresh[0]);
  }

  /** Does somebody look at one of `older`, or at their tiles? Else a long session would keep them all. */
  isAmong(older) {
    const { scrollTop, scrollLeft } = this.element;
    return scrollTop + scrollLeft > 0 || older.some(({ id }) => id === this.chosen);
  }

  /** Something may have been made elsewhere: where fewer jobs wait than did, or after a while. */
  async look() {
    if (document.hidden) return;
    const count = queued()?.count ?? this.seen.count;
    const isLess = count < this.seen.count;
    this.seen.count = count;
    if (!isLess && Date.now() - this.seen.ms < CALM_MS) return;
    this.seen.ms = Date.now();
    const mine = account() !== null;
    const found = await pictures.page({ limit: 1, mine }).catch(() => null);
    if (found && found.images[0]?.id !== this.entries[0]?.id) await this.renew();
  }

  /** Those that are older, once the end is near. */
  async more() {
    const { scrollLeft, clientWidth, scrollWidth } = this.element;
    if (!this.next || scrollLeft + 2 * clientWidth < scrollWidth) return;
    const before = this.next;
    this.next = null;
    const mine = account() !== null;
    const found = await pictures.page({ limit: PAGE, mine, before }).catch(() => null);
    this.next = found ? found.next : before;
    const had = new Set(this.entries.map(({ id }) => id));
    this.entries.push(...(found?.images ?? []).filter(({ id }) => !had.has(id)));
    this.draw();
  }

  heard({ ids, what, fields }) {
    if (!this.isKnown) return;
    if (what === "changed") {
      this.entries = this.entries.map((one) =>
        ids.includes(one.id) ? { ...one, ...fields } : one,
      );
    } else if (what === "trashed" || what === "deleted") {
      this.entries = this.entries.filter(({ id }) => !ids.includes(id));
      this.draw();
    } else if (what !== "emptied") this.renew();
  }

  mark(picture) {
    this.chosen = picture?.id ?? null;
    const tiles = [...this.element.querySelectorAll(".tile[data-id]")];
    for (const tile of tiles) {
      const isChosen = tile.dataset.id === this.chosen;
      if (isChosen) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    }
    const current = this.element.querySelector("[aria-current]");
    for (const tile of tiles) tile.tabIndex = tile === (current ?? tiles[0]) ? 0 : -1;
    if (current) bringIntoSight(this.element, current);
  }

  /** The neighbour of the chosen picture, `step` places on; undefined at the end. */
  neighbour(step) {
    const at = this.entries.findIndex((one) => one.id === this.chosen);
    return at < 0 ? this.entries[0] : this.entries[at + step];
  }

  draw() {
    results.value = this.entries;
    const have = new Map([...this.element.children].map((place) => [place.dataset.id, place]));
    const places = this.entries.map((one) => have.get(one.id) ?? this.tile(one));
    this.element.replaceChildren(...(this.live ? [this.live] : []), ...places);
    this.mark({ id: this.chosen });
  }

  /** A first tile that leads back to the running picture; null takes it away. */
  showLive(back) {
    if (back && !this.live) {
      this.live = make("button", {
        type: "button",
        className: "tile running",
        textContent: "Running",
        onclick: () => back(),
      });
      this.element.prepend(this.live);
    } else if (!back && this.live) {
      this.live.remove();
      this.live = null;
    }
  }

  tile(one) {
    const words = one.prompt.slice(0, 300);
    const image = make("img", { alt: "", loading: "lazy", decoding: "async", draggable: false });
    image.src = thumbnail(one);
    image.addEventListener("error", () => image.remove());
    const button = make(
      "button",
      {
        type: "button",
        className: "tile",
        title: words,
        draggable: true,
        "data-id": one.id,
        "aria-label": `Seed ${one.seed}: ${words.slice(0, 200)}`,
        onclick: () => this.of.choose(one),
        onkeydown: (event) => {
          if (event.key !== "Delete") return;
          event.preventDefault();
          this.of.discard(one);
        },
        ondragstart: (event) => pictures.carry(event.dataTransfer, one),
      },
      image,
    );
    const away = make(
      "button",
      {
        type: "button",
        className: "tile-away",
        title: "To the trash",
        tabIndex: -1,
        "aria-label": `To the trash: seed ${one.seed}`,
        onclick: () => this.of.discard(one),
      },
      icon("close"),
    );
    return make("div", { className: "tile-place", "data-id": one.id }, button, away);
  }
}

/** Scroll the strip until `tile` is in sight, and nothing else: a phone's page stays where it is. */
function bringIntoSight(strip, tile) {
  const [of, at] = [strip.getBoundingClientRect(), tile.getBoundingClientRect()];
  const by = (from, to, low, high) => Math.min(0, from - low) + Math.max(0, to - high);
  strip.scrollBy(
    by(at.left, at.right, of.left, of.right),
    by(at.top, at.bottom, of.top, of.bottom),
  );
}
