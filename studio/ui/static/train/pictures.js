// The pictures that are learnt from: a set is chosen, filled, captioned and looked through.

import { address } from "../shared/data.js";
import { iconButton, make } from "../shared/dom.js";
import { chosenFiles, droppedFiles } from "../shared/dropped.js";
import { ask, get, send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { Captioning } from "./captioning.js";
import { setName, sorted } from "./folders.js";
import { paintMask, tileMask } from "./masks.js";
import { addedWords, cropOf, replaced, tagsOf } from "./words.js";

const SETS = "studio/v1/training-sets";
const FIRST_SET = "my pictures";
const MOST_TAGS = 60;

export class Pictures {
  /** of.resolution() is that of the training; of.choose() opens the library. */
  constructor(root, of) {
    this.root = root;
    this.of = of;
    this.pictures = [];
    const find = (name) => root.querySelector(name);
    this.select = find("[data-of=set]");
    this.says = find(".objection");
    this.said = find(".train-said");
    this.list = find(".train-pictures");
    this.making = find(".train-new");
    this.captioner = find("[data-action=caption]");
    this.captioning = new Captioning(this.captioner, {
      place: () => this.place("/captions"),
      trying: (work) => this.trying(work),
      look: () => this.look(),
      show: (file, caption) => this.show(file, caption),
      say: (text) => {
        this.said.textContent = text;
      },
    });
    this.select.addEventListener("change", () => {
      this.captioning.stop();
      this.look();
    });
    this.bind(find);
  }

  get name() {
    return this.select.value;
  }

  bind(find) {
    const on = (action, act) => find(`[data-action=${action}]`).addEventListener("click", act);
    on("new", () => {
      this.making.hidden = !this.making.hidden;
      if (!this.making.hidden) this.making.querySelector("input").focus();
    });
    for (const action of ["files", "folder"]) {
      const field = find(`input[data-of=${action}]`);
      on(action, () => field.click());
      field.addEventListener("change", async () => {
        await this.add(chosenFiles(field));
        field.value = "";
      });
    }
    on("library", () => this.of.choose());
    on("delete-set", () => this.delete());
    this.making.addEventListener("submit", (event) => {
      event.preventDefault();
      this.make(this.making.querySelector("input").value.trim());
    });
    find(".train-replace").addEventListener("submit", (event) => {
      event.preventDefault();
      this.replace(find("#train-find").value, find("#train-put").value);
    });
    this.root.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.root.classList.add("is-over");
    });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("is-over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.root.classList.remove("is-over");
      this.trying(() => droppedFiles(event.dataTransfer)).then((found) => found && this.add(found));
    });
  }

  /** Do it, and tell what goes wrong. */
  async trying(work) {
    this.says.textContent = "";
    this.root.setAttribute("aria-busy", "true");
    try {
      return await work();
    } catch (error) {
      this.says.textContent = error.message;
      return null;
    } finally {
      this.root.removeAttribute("aria-busy");
    }
  }

  begin() {
    return this.trying(async () => {
      await this.names(read("train.set", ""));
      if (this.name) await this.look();
    });
  }

  async names(chosen) {
    const { sets, captioners } = await get(SETS);
    this.captioner.hidden = captioners.length === 0;
    this.select.replaceChildren(...sets.map(({ name }) => new Option(name, name)));
    if (sets.some(({ name }) => name === chosen)) this.select.value = chosen;
    this.select.disabled = sets.length === 0;
    this.root.querySelector("[data-action=delete-set]").hidden = sets.length === 0;
    if (sets.length === 0) this.select.append(new Option("No set yet", ""));
  }

  make(name) {
    return this.trying(async () => {
      await send("POST", SETS, { name });
      this.making.hidden = true;
      await this.names(name);
      await this.look();
    });
  }

  /** The whole set. */
  delete() {
    const count = this.pictures.length;
    const lost = count === 1 ? "its picture" : `its ${count} pictures`;
    if (!confirm(`Delete the set ${this.name} with ${lost}?`)) return null;
    this.captioning.stop();
    return this.trying(async () => {
      await ask(this.place(), { method: "DELETE" });
      this.pictures = [];
      this.draw();
      await this.names("");
      if (this.name) await this.look();
    });
  }

  place(rest = "") {
    return `${SETS}/${encodeURIComponent(this.name)}${rest}`;
  }

  look() {
    if (!this.name) return null;
    write("train.set", this.name);
    return this.trying(async () => {
      const { pictures, remarks } = await get(this.place(`?resolution=${this.of.resolution()}`));
      this.pictures = pictures;
      const items = remarks.map((text) => make("li", {}, text));
      this.root.querySelector(".train-remarks").replaceChildren(...items);
      this.draw();
    });
  }

  /** Put files, as `shared/dropped.js` finds them, into the set; where there is none, into one that
   * is called as their folder. What cannot be read is told, and the rest is added. */
  async add(files) {
    const { pictures, left } = await sorted(files);
    const faults = [];
    const added = await this.trying(async () => {
      if (pictures.length === 0) {
        throw new Error("There is no picture among these. PNG, JPEG, WebP and AVIF can be added.");
      }
      await this.first(setName(pictures));
      const written = {};
      for (const [done, one] of pictures.entries()) {
        this.said.textContent = `Adding ${done + 1} of ${pictures.length}`;
        try {
          const name = await this.put(one);
          if (one.caption !== undefined) written[name] = one.caption;
        } catch (error) {
          if (error.status === 0) throw error; // nobody answers
          faults.push(`${one.path}: ${error.message}`);
        }
      }
      if (Object.keys(written).length) await send("PATCH", this.place(), { captions: written });
      return pictures.length - faults.length;
    });
    const trouble = this.says.textContent || faults.slice(0, 3).join(" ");
    await this.look();
    this.says.textContent ||= trouble;
    this.said.textContent = added === null ? "" : addedWords(added, faults.length, left);
  }

  /** A picture with its mask; its name in the set. */
  async put({ file, path, mask }) {
    const place = this.place(`/pictures?called=${encodeURIComponent(path)}`);
    const [name] = (await (await ask(place, { method: "POST", body: file })).json()).files;
    if (mask) {
      await ask(this.place(`/mask?file=${encodeURIComponent(name)}`), {
        method: "PUT",
        body: mask,
      });
    }
    return name;
  }

  /** Where there is no set yet, make one. */
  async first(name) {
    if (this.name) return;
    const made = await send("POST", SETS, { name: name || FIRST_SET });
    this.making.hidden = true;
    await this.names(made.name);
  }

  take(images) {
    return this.trying(async () => {
      await this.first("");
      await send("POST", this.place("/from-library"), { images });
      await this.look();
    });
  }

  remove(file) {
    return this.trying(async () => {
      await ask(this.place(`/pictures?file=${encodeURIComponent(file)}`), { method: "DELETE" });
      await this.look();
    });
  }

  /** body: a picture of its size, white where it is learnt; null: all of it is. */
  mask(one, body) {
    return this.trying(async () => {
      const place = this.place(`/mask?file=${encodeURIComponent(one.file)}`);
      await ask(place, { method: body ? "PUT" : "DELETE", body });
      await this.look();
    });
  }

  write(captions) {
    return this.trying(async () => {
      await send("PATCH", this.place(), { captions });
      for (const one of this.pictures) one.caption = captions[one.file] ?? one.caption;
      this.said.textContent = "Saved.";
      this.tags();
    });
  }

  /** A caption that the studio has written. */
  show(file, caption) {
    const place = this.pictures.findIndex((one) => one.file === file);
    if (place < 0) return;
    this.pictures[place].caption = caption;
    this.list.children[place].querySelector("textarea").value = caption;
    this.tags();
  }

  async replace(find, put) {
    const captions = replaced(this.pictures, find, put);
    const count = Object.keys(captions).length;
    if (count) await this.write(captions);
    this.said.textContent = count === 1 ? "1 caption changed." : `${count} captions changed.`;
    if (count) this.draw();
  }

  draw() {
    this.root.querySelector(".train-hint").hidden = this.pictures.length > 0;
    this.root.querySelector(".train-words").hidden = this.pictures.length === 0;
    this.list.replaceChildren(...this.pictures.map((one) => this.tile(one)));
    for (const link of this.root.querySelectorAll("[data-layout]")) {
      link.href = address(this.place(`/zip?layout=${link.dataset.layout}`));
    }
    this.tags();
  }

  tags() {
    const tags = tagsOf(this.pictures.map(({ caption }) => caption));
    this.root.querySelector(".train-tag-count").textContent = tags.length
      ? ` · ${tags.length}`
      : "";
    const items = tags
      .slice(0, MOST_TAGS)
      .map(([tag, count]) => make("li", {}, `${tag} · ${count}`));
    this.root.querySelector(".train-tags").replaceChildren(...items);
  }

  tile(one) {
    const src = address(this.place(`/thumbnail?file=${encodeURIComponent(one.file)}`));
    const image = make("img", { src, alt: one.caption || one.file, loading: "lazy" });
    const crop = make("span", { className: "train-crop" });
    const { left, top, width, height } = cropOf(one.size, one.bucket);
    const percent = (part) => `${(100 * part).toFixed(2)}%`;
    Object.assign(crop.style, {
      left: percent(left),
      top: percent(top),
      width: percent(width),
      height: percent(height),
    });
    const mask = tileMask(one, this.place(`/mask?file=${encodeURIComponent(one.file)}`), {
      paint: async (place) => {
        const painted = await paintMask(one, place, `${src}&side=512`);
        if (painted) await this.mask(one, painted);
      },
      put: (file) => this.mask(one, file),
      clear: () => this.mask(one, null),
    });
    const caption = make("textarea", {
      value: one.caption,
      rows: 3,
      placeholder: "Caption",
      "aria-label": `Caption of ${one.file}`,
      onchange: () => this.write({ [one.file]: caption.value }),
    });
    const times = one.repeats > 1 ? ` · ${one.repeats} times` : "";
    const masked = one.masked ? " · masked" : "";
    const words = `${one.size.join(" × ")} → ${one.bucket.join(" × ")}${times}${masked}`;
    return make(
      "li",
      { className: "train-picture" },
      make("div", { className: "train-thumb" }, make("span", {}, image, mask.shown, crop)),
      make(
        "div",
        { className: "train-name", title: one.file },
        make("span", {}, one.file),
        iconButton("close", `Remove ${one.file}`, () => this.remove(one.file)),
      ),
      make("p", { className: "train-size", title: "Its size, and that of its bucket" }, words),
      mask.acts,
      caption,
    );
  }
}
