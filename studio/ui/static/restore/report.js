// What was read of a file or a text, before anything changes: a dialog.

import { make } from "../shared/dom.js";
import { refusal } from "./looks.js";
import { Origin } from "./origin.js";
import { changes, hasSettings, read, wanted } from "./reading.js";
import { count, kindOf, nothingWords, SOURCES, summary } from "./reading_words.js";

export class Report {
  /** `take(reading, what)` restores it, `workOn(file)` makes a picture the one that is worked on. */
  constructor(dialog, take, workOn) {
    this.dialog = dialog;
    this.title = dialog.querySelector("h2");
    this.summary = dialog.querySelector(".restore-summary");
    this.told = dialog.querySelector(".restore-told");
    this.text = dialog.querySelector("textarea");
    this.button = dialog.querySelector("[value=restore]");
    this.no = dialog.querySelector(".restore-no");
    this.work = dialog.querySelector("[value=work]");
    this.origin = new Origin(dialog.querySelector(".restore-origin"));
    this.file = null; // what was read, if it is a picture
    this.turn = 0;
    this.reading = null;
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the page's keys mean the page
      if (event.target === this.text && event.key === "Enter" && (event.ctrlKey || event.metaKey))
        this.readText();
    });
    dialog.querySelector("[data-action=close]").addEventListener("click", () => dialog.close(""));
    dialog.querySelector("[data-action=read]").addEventListener("click", () => this.readText());
    const box = dialog.querySelector("input[type=file]");
    dialog.querySelector("[data-action=choose]").addEventListener("click", () => box.click());
    box.addEventListener("change", () => {
      if (box.files[0]) this.open(box.files[0]);
      box.value = "";
    });
    dialog.querySelector(".restore-what").addEventListener("change", () => this.draw());
    dialog.addEventListener("close", () => {
      if (!dialog.open) this.turn += 1; // else the next is being read already: events come later
      const { returnValue } = dialog;
      dialog.returnValue = "";
      if (returnValue === "restore" && this.reading) take(this.reading, this.what);
      if (returnValue === "work" && this.file) workOn(this.file);
    });
  }

  get what() {
    return this.dialog.querySelector(".restore-what :checked").value;
  }

  /** Ask for a text or a file. */
  ask() {
    this.state("asking", "Settings from a file or a text", "");
    this.text.value = "";
    this.offerWork(null);
    this.show();
    this.text.focus();
  }

  readText() {
    if (this.text.value.trim()) this.open(this.text.value);
    else this.text.focus();
  }

  /** Read a File or a text, and show what it says. */
  async open(what, more = "") {
    const isFile = typeof what !== "string";
    const name = isFile && what.name ? what.name : "the text";
    const why = isFile ? refusal(what) : "";
    this.offerWork(isFile && !why && what.type.startsWith("image/") ? what : null);
    this.state("reading", `Reading ${name}`, "");
    this.show();
    const turn = ++this.turn;
    if (why) {
      this.state("nothing", "Not read", why);
      return;
    }
    try {
      const reading = await read(what);
      if (turn === this.turn) this.take(reading, isFile ? name : "", more);
    } catch (error) {
      if (turn === this.turn) this.state("nothing", "Not read", error.message);
    }
  }

  /** Show a reading that is there already. */
  take(reading, name = "", more = "") {
    if (!name) this.offerWork(null);
    this.show();
    if (!hasSettings(reading)) {
      this.state(
        "nothing",
        `No settings in ${name || "the text"}`,
        nothingWords(reading, name !== ""),
      );
      return;
    }
    this.reading = reading;
    const source = SOURCES[reading.source] ?? "a prompt";
    this.state(
      "read",
      `Settings from ${source}`,
      [summary(reading), more].filter(Boolean).join(". "),
    );
    this.dialog.querySelector("[value=all]").checked = true;
    this.draw();
    this.button.focus();
  }

  show() {
    if (!this.dialog.open) this.dialog.showModal();
  }

  offerWork(file) {
    this.file = file;
    this.work.hidden = file === null;
    this.origin.look(file);
  }

  /** One of asking, reading, nothing, read. */
  state(name, title, words) {
    this.dialog.dataset.state = name;
    this.title.textContent = title;
    this.summary.textContent = words;
    this.no.textContent = name === "nothing" ? "Close" : "Cancel";
    if (name !== "read") this.reading = null;
  }

  draw() {
    const { reading, what } = this;
    const all = changes(wanted(reading, what));
    const other = all.filter(({ old, next }) => old !== next);
    const rest = all.filter(({ old, next, isTold }) => isTold && old === next);
    const told = other.filter(({ isTold }) => isTold);
    const back = other.filter(({ isTold }) => !isTold);
    const lost = what === "prompts" ? [] : reading.missing;
    const left = what === "prompts" ? [] : reading.ignored;
    this.told.replaceChildren(
      ...section("Missing", lost.map(missingRow)),
      ...section("What changes", told.map(changeRow)),
      ...section("Not in it: back to the default", back.map(changeRow)),
      ...section(
        "As it is now",
        rest.length ? [make("p", { textContent: rest.map(({ title }) => title).join(", ") })] : [],
      ),
      ...section("Not understood", left.map(ignoredRow)),
    );
    const settings =
      reading.understood.length - (what === "seedless" && "seed" in reading.form ? 1 : 0);
    this.button.textContent =
      what === "prompts" ? "Restore the prompts" : `Restore ${count(settings, "setting")}`;
  }
}

function section(title, rows) {
  if (rows.length === 0) return [];
  return [make("h3", { textContent: title }), make("div", { className: "restore-rows" }, ...rows)];
}

function changeRow({ title, old, next }) {
  return row(
    title,
    make("del", { textContent: old, title: old }),
    make("span", { className: "restore-arrow", textContent: "→", "aria-label": "becomes" }),
    make("ins", { textContent: next, title: next }),
  );
}

const ignoredRow = ({ name, value, why }) =>
  row(
    name,
    value ? make("b", { textContent: value, title: value }) : null,
    make("span", { textContent: why }),
  );

function missingRow({ kind, name, hash, why }) {
  const title = kindOf(kind).replace(/^./, (letter) => letter.toUpperCase());
  const called = [name, hash && `(${hash})`].filter(Boolean).join(" ");
  return row(
    title,
    make("b", { textContent: called, title: called }),
    make("span", { textContent: why }),
  );
}

const row = (title, ...parts) =>
  make(
    "div",
    { className: "restore-row" },
    make("span", { className: "restore-name", textContent: title, title }),
    make("p", {}, ...parts),
  );
