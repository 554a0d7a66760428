// Pictures of other studios join the library: files and folders that are dropped on it or chosen.

import { SOURCES } from "../restore/reading_words.js";
import { make } from "../shared/dom.js";
import { droppedFiles } from "../shared/dropped.js";
import { menuOf } from "../shared/menu.js";
import { importFile, tellImported } from "../shared/pictures.js";
import { many } from "./actions.js";

const ACCEPTED = "image/png,image/jpeg,image/webp";
const AT_ONCE = 2;
const SHOWN = 50;
const PICTURE = /\.(png|jpe?g|webp)$/i;

export class Imports {
  /** `say(words)` tells what there is to say where nothing was imported. */
  constructor(root, say) {
    this.say = say;
    this.place = root.querySelector(".importing");
    this.words = this.place.querySelector("p");
    this.bar = this.place.querySelector(".track i");
    this.faults = this.place.querySelector("ul");
    this.button = this.place.querySelector("button");
    this.button.addEventListener("click", () => {
      if (this.run) this.run.isStopped = true;
      else this.place.hidden = true;
    });
    const menu = root.querySelector(".import-menu");
    menuOf(root.querySelector("[data-action=import]"), menu, ({ what }) => this.choose(what));
    bindDrops(root, (transfer) => this.dropped(transfer));
  }

  /** `what` is "files" or "folder". */
  choose(what = "files") {
    const box = make("input", { type: "file", multiple: true, accept: ACCEPTED });
    box.webkitdirectory = what === "folder";
    box.addEventListener("change", () => this.take([...box.files]));
    box.click();
  }

  async dropped(transfer) {
    const found = await droppedFiles(transfer);
    await this.take(found.map(({ file }) => file));
  }

  async take(files) {
    const found = files.filter((file) => PICTURE.test(file.name));
    const others = files.length - found.length;
    if (found.length === 0) {
      this.say("There is no picture among these files: PNG, JPEG and WebP can join the library.");
      return;
    }
    if (this.run) {
      this.run.files.push(...found);
      this.run.total += found.length;
      return;
    }
    this.run = {
      files: found,
      total: found.length,
      others,
      done: [],
      faults: [],
      known: 0,
      isStopped: false,
      sources: new Map(),
    };
    this.begin();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.work(this.run)));
    this.end();
  }

  begin() {
    this.place.hidden = false;
    this.faults.replaceChildren();
    this.button.textContent = "Stop";
    this.tell();
  }

  async work(run) {
    while (run.files.length && !run.isStopped) {
      const file = run.files.shift();
      try {
        const { id, is_new: isNew, read } = await importFile(file);
        run.done.push(id);
        if (!isNew) run.known += 1;
        const name = SOURCES[read?.source];
        if (name) run.sources.set(name, (run.sources.get(name) ?? 0) + 1);
      } catch (error) {
        run.faults.push(`${file.name}: ${error.message}`);
        if (error.status === 0) run.isStopped = true; // nobody answers
      }
      this.tell();
    }
  }

  tell() {
    const { total, done, faults } = this.run;
    const at = done.length + faults.length;
    this.words.textContent = `Importing ${Math.min(at + 1, total)} of ${total}`;
    this.bar.style.width = `${(100 * at) / total}%`;
  }

  end() {
    const { run } = this;
    this.run = null;
    this.words.textContent = summary(run);
    this.bar.style.width = "100%";
    this.faults.replaceChildren(
      ...run.faults.slice(0, SHOWN).map((words) => make("li", { textContent: words })),
    );
    if (run.faults.length > SHOWN) {
      this.faults.append(make("li", { textContent: `and ${run.faults.length - SHOWN} more` }));
    }
    this.button.textContent = "Close";
    tellImported(run.done);
  }
}

/** What became of it, in words. */
function summary({ done, known, faults, sources, others, isStopped, files }) {
  const read = [...sources.values()].reduce((sum, count) => sum + count, 0);
  const from = [...sources].map(([name, count]) => `${count} of ${name}`).join(", ");
  const joins = done.length === 1 ? "joined" : "have joined";
  const lines = [`${many(done.length)} ${joins} the library.`];
  if (read) lines.push(`Settings were read in ${read}: ${from}.`);
  if (known) lines.push(`${known} ${known === 1 ? "was" : "were"} in it already.`);
  if (done.length > read) lines.push(`${many(done.length - read)} without settings.`);
  if (faults.length) lines.push(`${faults.length} could not be read.`);
  if (others) lines.push(`${others} other ${others === 1 ? "file was" : "files were"} left out.`);
  if (isStopped && files.length) lines.push(`Stopped, ${files.length} were left.`);
  return lines.join(" ");
}

/** What is dropped on the library joins it. */
function bindDrops(root, drop) {
  let depth = 0;
  const isFiles = (event) => event.dataTransfer.types.includes("Files");
  const mark = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    root.classList.toggle("dropping", depth > 0);
  };
  root.addEventListener("dragenter", (event) => isFiles(event) && mark(1));
  root.addEventListener("dragleave", (event) => isFiles(event) && mark(-1));
  root.addEventListener("dragover", (event) => {
    event.stopPropagation(); // else the canvas beside the panel would take what is held over it
    if (!isFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    if (event.dataTransfer.files.length) drop(event.dataTransfer);
  });
}
