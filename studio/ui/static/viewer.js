// The right side of the page: the frame, the status line, the tools and the strip under it.

import { address } from "./data.js";
import { field, restore } from "./form.js";
import { Frame } from "./frame.js";
import { Recent } from "./recent.js";
import { write } from "./store.js";
import { facts } from "./words.js";

export class Viewer {
  constructor(root) {
    this.root = root;
    this.frame = new Frame(root);
    this.status = root.querySelector(".status");
    this.facts = root.querySelector(".facts");
    this.live = root.querySelector(".live");
    this.batch = root.querySelector(".batch");
    this.retry = root.querySelector(".retry");
    this.recent = new Recent(root.querySelector(".strip"), (picture) => this.browse(picture));
    this.picture = null;
    this.browsing = false;
    this.bindActions();
  }

  /** One of empty, queued, loading, running, finished, cancelled, failed; `words` say more. */
  state(name, words = "", announced = words) {
    if (this.root.dataset.state !== name) this.live.textContent = announced;
    this.root.dataset.state = name;
    document.body.dataset.state = name;
    this.status.textContent = words;
  }

  /** Words beside the state: shown until the next ones, and read out. */
  say(words) {
    this.status.textContent = words;
    this.live.textContent = words;
  }

  /** Make room for a new request: its shape, no tools. */
  begin(request) {
    this.browsing = false;
    this.recent.showLive(null);
    this.recent.mark(null);
    this.picture = null;
    this.facts.textContent = "";
    this.batch.replaceChildren();
    this.root.classList.remove("has-picture", "partial", "browsing");
    this.frame.wait();
    if (request) this.frame.shape(request.width, request.height);
  }

  /** Results of a job: the first in the frame, a batch as thumbnails. */
  async results(pictures) {
    if (pictures.length === 0) return;
    write("last_seed", pictures[0].seed);
    dispatchEvent(new Event("studio-result"));
    if (this.browsing) {
      this.recent.add(pictures);
      this.recent.showLive(null);
      return;
    }
    await this.display(pictures[0], pictures);
    this.recent.add(pictures);
    this.recent.mark(pictures[0]);
  }

  /** Look at an earlier picture; a running job goes on behind it. */
  async browse(picture) {
    this.browsing = true;
    if (this.onBrowse) this.onBrowse();
    this.root.classList.add("browsing");
    await this.display(picture, [picture]);
  }

  async display(picture, batch) {
    const [width, height] = [picture.request.width, picture.request.height];
    this.picture = picture;
    const url = address(picture.url);
    if (this.frame.image?.src !== url) this.frame.wait();
    this.frame.shape(width, height);
    this.recent.mark(picture);
    const shown = await this.frame.show(url, picture.request.prompt || "Picture");
    if (this.picture !== picture) return;
    if (!shown) this.status.textContent = "This picture cannot be loaded (any more).";
    this.facts.textContent = facts(picture);
    this.root.classList.add("has-picture");
    this.root.classList.toggle("partial", picture.partial);
    this.root.querySelector("[data-action=download]").href = address(`${picture.url}?download=1`);
    this.drawBatch(picture, batch);
  }

  drawBatch(picture, batch) {
    const tiles = batch.length > 1 ? batch.map((one) => this.batchTile(one, batch)) : [];
    this.batch.replaceChildren(...tiles);
    for (const tile of tiles) {
      if (tile.dataset.id === picture.id) tile.setAttribute("aria-current", "true");
    }
  }

  batchTile(picture, batch) {
    const button = document.createElement("button");
    const image = new Image();
    button.type = "button";
    button.className = "tile";
    button.dataset.id = picture.id;
    button.setAttribute("aria-label", `Seed ${picture.seed}`);
    button.title = `Seed ${picture.seed}`;
    image.alt = "";
    image.src = address(picture.url);
    button.append(image);
    button.addEventListener("click", () => this.display(picture, batch));
    return button;
  }

  bindActions() {
    const on = (action, act) =>
      this.root.querySelector(`[data-action=${action}]`).addEventListener("click", act);
    on("copy", async (event) => {
      const button = event.currentTarget;
      const done = await copy(this.picture.infotext);
      this.flash(button, done ? "Copied" : "Not allowed by the browser");
    });
    on("seed", (event) => {
      field("seed").set(this.picture.seed);
      this.flash(event.currentTarget, "Seed set");
    });
    on("apply", (event) => {
      restore({ ...this.picture.request, seed: this.picture.seed });
      this.flash(event.currentTarget, "Settings set");
    });
  }

  /** Say for a moment what a button did. */
  flash(button, words) {
    const label = button.querySelector("span");
    this.live.textContent = words;
    label.textContent = words;
    clearTimeout(label.timer);
    label.timer = setTimeout(() => {
      label.textContent = button.title;
    }, 1500);
  }
}

async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Without https the clipboard is closed to pages, except through a selection.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
