// Pictures of a dataset, one after the other, and what becomes of each: by keys alone, if one likes.

import { address } from "../shared/data.js";
import { get, send } from "../shared/server.js";
import { isShown } from "../shared/tabs.js";
import { Boxes } from "./boxes.js";

const KEYS = { a: "accept", r: "redraw", x: "reject" };
const STEPS = { ",": -1, ".": 1 };
const BOXES = { b: "next", n: "add", c: "rename", delete: "remove", backspace: "remove" };

export class Review {
  /** `judged()` is called after each word of the user's. */
  constructor(root, judged) {
    this.root = root;
    this.judged = judged;
    this.pictures = [];
    this.at = 0;
    this.waiting = 0;
    this.sent = Promise.resolve();
    this.status = root.querySelector("#dataset-status");
    this.one = root.querySelector(".dataset-one");
    this.image = root.querySelector("img");
    this.boxes = new Boxes(root.querySelector("svg"));
    this.status.addEventListener("change", () => this.load(this.id));
    for (const button of root.querySelectorAll("[data-judge]"))
      button.addEventListener("click", () => this.judge(button.dataset.judge));
    for (const button of root.querySelectorAll("[data-box]"))
      button.addEventListener("click", () => this.boxes[button.dataset.box]());
    for (const button of root.querySelectorAll("[data-go]"))
      button.addEventListener("click", () => this.go(Number(button.dataset.go)));
    document.addEventListener("keydown", (event) => this.press(event));
  }

  /** Of the dataset `id`, whose labels are of `classes`. */
  async load(id, classes = this.classes) {
    this.classes = classes;
    if (this.waiting) return; // the answer would bring back what was judged meanwhile
    const isNew = id !== this.id;
    this.id = id;
    const { total, pictures } = await get(`${this.path()}?status=${this.status.value}`);
    if (id !== this.id || this.waiting) return;
    const before = isNew ? undefined : this.pictures[this.at];
    this.pictures = pictures;
    this.total = total;
    const again = pictures.findIndex((one) => one.number === before?.number);
    if (again >= 0) this.at = again;
    else this.at = Math.max(0, Math.min(this.at, pictures.length - 1));
    const isAsShown = again >= 0 && boxesOf(pictures[again]) === boxesOf(before);
    if (isAsShown || (again >= 0 && this.boxes.isChanged)) this.tell();
    else this.show(); // no box is chosen then
  }

  path(rest = "") {
    return `studio/v1/datasets/${encodeURIComponent(this.id)}/pictures${rest}`;
  }

  tell() {
    const words = this.pictures.length ? `${this.at + 1} of ${this.total}` : "";
    this.root.querySelector(".dataset-place").textContent = words;
  }

  show() {
    const picture = this.pictures[this.at];
    this.tell();
    this.one.hidden = !picture;
    const none =
      this.status.value === "review"
        ? "Nothing waits for review. To see the others, choose what is accepted."
        : "Nothing is there yet.";
    this.root.querySelector(".dataset-none").textContent = picture ? "" : none;
    if (!picture) return;
    this.image.src = address(this.path(`/${picture.number}`));
    this.image.alt = `Picture ${picture.number}: ${picture.prompt}`;
    this.boxes.show(picture.labels, this.classes, picture.width, picture.height);
    this.root.querySelector(".dataset-reason").textContent = picture.reason;
    this.root.querySelector(".dataset-prompt").textContent = picture.prompt;
  }

  go(by) {
    const next = this.at + by;
    if (next < 0 || next >= this.pictures.length) return;
    this.at = next;
    this.show();
  }

  /** What follows is shown at once; what was said goes to the studio in its order. */
  judge(act) {
    const picture = this.pictures[this.at];
    if (!picture) return;
    const labels = act === "accept" && this.boxes.isChanged ? this.boxes.labels : null;
    const path = this.path(`/${picture.number}`);
    this.boxes.isChanged = false;
    if (labels) picture.labels = labels;
    if (act !== "accept" || this.status.value === "review") {
      this.pictures.splice(this.at, 1);
      this.total -= 1;
      this.at = Math.max(0, Math.min(this.at, this.pictures.length - 1));
      this.show();
    }
    this.waiting += 1;
    this.sent = this.sent
      .then(() => send("POST", path, { act, labels }))
      .then(
        () => "",
        (error) => error.message,
      )
      .then((words) => {
        this.waiting -= 1;
        this.judged(words);
      });
  }

  press(event) {
    const target = /** @type {Element} */ (event.target);
    if (!isShown("dataset") || this.one.hidden || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (target.closest("input, textarea, select, dialog")) return;
    const key = event.key.toLowerCase();
    if (KEYS[key]) this.judge(KEYS[key]);
    else if (STEPS[key]) this.go(STEPS[key]);
    else if (BOXES[key]) this.boxes[BOXES[key]]();
    else return;
    event.preventDefault();
  }
}

const boxesOf = ({ labels }) => JSON.stringify(labels.map(({ name, box }) => [name, box]));
