// Photos of the user's that a new dataset is made of: files, with their labels beside them, or
// pictures of the library.

import { uploaded } from "../canvas/uploads.js";
import { Choosing } from "../library/choosing.js";
import { address } from "../shared/data.js";
import { iconButton, make } from "../shared/dom.js";
import { droppedFiles } from "../shared/dropped.js";

const LABELS = /\.txt$/i;
const PICTURE = /\.(png|jpe?g|webp|bmp|tiff?|avif|gif)$/i;
const stemOf = (name) => name.replace(/\.[^.]*$/, "");

/** Files of pictures, each with the text of the label file that is called as it is, if any. */
export async function paired(files) {
  const labels = new Map();
  for (const file of files)
    if (LABELS.test(file.name)) labels.set(stemOf(file.name), await file.text());
  return files
    .filter((file) => PICTURE.test(file.name))
    .map((file) => ({ file, labels: labels.get(stemOf(file.name)) ?? "" }));
}

export class Photos {
  /** `changed()` is called when there are others; `objected(text)` with what goes wrong. */
  constructor(root, dialog, { changed, objected }) {
    this.photos = [];
    this.changed = changed;
    this.objected = objected;
    this.list = root.querySelector("ul");
    this.said = root.querySelector(".dataset-said");
    this.use = root.querySelector("#dataset-use");
    this.where = root.querySelector("#dataset-where");
    this.file = root.querySelector("input[type=file]");
    const library = new Choosing(dialog, (ids) => this.take(ids));
    const on = (name, act) =>
      root.querySelector(`[data-photos=${name}]`).addEventListener("click", act);
    on("files", () => this.file.click());
    on("library", () => library.open());
    this.file.addEventListener("change", () => this.add([...this.file.files]));
    for (const field of [this.use, this.where]) {
      field.addEventListener("change", () => {
        this.where.disabled = this.use.value !== "regions";
        this.changed();
      });
    }
    this.bindDrops(root);
  }

  bindDrops(root) {
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("is-over");
    });
    root.addEventListener("dragleave", () => root.classList.remove("is-over"));
    root.addEventListener("drop", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.remove("is-over");
      const found = await droppedFiles(event.dataTransfer);
      this.add(found.map(({ file }) => file));
    });
  }

  /** What the photos are for, {steering, region}, as `specOf` takes it. */
  get steering() {
    const steering = this.photos.length ? this.use.value : "";
    return { steering, region: steering === "regions" ? this.where.value : "" };
  }

  /** As the studio takes them. */
  get asked() {
    return this.photos.map(({ ref, called, labels }) => ({ ref, called, labels }));
  }

  async add(files) {
    this.objected("");
    try {
      const pairs = await paired(files);
      if (pairs.length === 0) throw new Error("There is no photo among these.");
      for (const [done, { file, labels }] of pairs.entries()) {
        this.said.textContent = `Adding ${done + 1} of ${pairs.length}`;
        const { image, url } = await uploaded(file);
        this.photos.push({ ref: image, called: file.name, labels, src: url });
      }
    } catch (error) {
      this.objected(error.message);
    }
    this.said.textContent = "";
    this.file.value = "";
    this.draw();
  }

  take(ids) {
    for (const id of ids) {
      const src = `studio/v1/images/${encodeURIComponent(id)}/thumbnail?side=128`;
      this.photos.push({ ref: `picture:${id}`, called: id, labels: "", src });
    }
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.photos.map((one, place) => this.tile(one, place)));
    this.use.parentElement.hidden = !this.photos.length;
    this.changed();
  }

  tile({ called, labels, src }, place) {
    const told = labels ? `${called}, with labels` : called;
    return make(
      "li",
      { title: told },
      make("img", { src: address(src), alt: told, loading: "lazy" }),
      iconButton("close", `Remove ${called}`, () => {
        this.photos.splice(place, 1);
        this.draw();
      }),
    );
  }
}
