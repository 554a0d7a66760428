// The Dataset tab: what is there, a new one, and how the chosen one goes on.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { isShown, onTab } from "../shared/tabs.js";
import { duration } from "../shared/words.js";
import { bindForm } from "./form.js";
import { Photos } from "./photos.js";
import { Review } from "./review.js";

const BUSY_MS = 1000;
const CALM_MS = 5000;
const PATH = "studio/v1/datasets";

const STATES = {
  drawing: "Being drawn",
  stopped: "Stopped",
  done: "Done",
  failed: "Failed",
};

export function open(element) {
  new Datasets(element);
}

class Datasets {
  constructor(root) {
    this.root = root;
    this.list = root.querySelector(".dataset-list");
    this.main = root.querySelector(".dataset-main");
    this.form = root.querySelector(".dataset-form");
    this.fields = bindForm(this.form, () => this.photos?.steering ?? {});
    this.photos = new Photos(root.querySelector(".dataset-photos"), root.querySelector("dialog"), {
      changed: () => this.fields.steer(),
      objected: (text) => this.object(this.form, text),
    });
    this.review = new Review(root.querySelector(".dataset-review"), (text) => {
      this.object(this.main, text);
      this.look();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.begin();
    });
    for (const act of ["start", "stop", "delete"])
      this.button(act).addEventListener("click", () => this.act(act));
    onTab(() => this.look());
    this.look();
  }

  button(act) {
    return this.main.querySelector(`[data-act=${act}]`);
  }

  object(within, text) {
    within.querySelector(".objection").textContent = text;
  }

  async begin() {
    this.object(this.form, "");
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true; // many photos take a while to be looked at
    try {
      const asked = { spec: this.fields.spec(), photos: this.photos.asked };
      const made = await send("POST", PATH, asked);
      this.chosen = made.id;
      await this.look();
      this.main.scrollIntoView({ block: "start" });
    } catch (error) {
      this.object(this.form, error.message);
    }
    button.disabled = false;
  }

  async act(act) {
    const path = `${PATH}/${encodeURIComponent(this.chosen)}`;
    if (act === "delete" && !confirm(`Delete ${this.chosen} with all its pictures?`)) return;
    this.object(this.main, "");
    try {
      if (act === "delete") await send("DELETE", path);
      else await send("POST", `${path}/${act}`);
    } catch (error) {
      this.object(this.main, error.message);
    }
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    if (!isShown("dataset")) return;
    const found = await get(PATH).catch(() => null);
    if (found) this.draw(found.datasets);
    clearTimeout(this.timer);
    const isBusy = found?.datasets.some((one) => one.state === "drawing");
    this.timer = setTimeout(() => this.look(), isBusy ? BUSY_MS : CALM_MS);
  }

  draw(all) {
    if (!all.some((one) => one.id === this.chosen)) this.chosen = all[0]?.id;
    const focused = document.activeElement?.closest(".dataset-list button")?.textContent;
    this.list.replaceChildren(...all.map((one) => this.entry(one)));
    for (const button of this.list.children) if (button.textContent === focused) button.focus();
    const one = all.find((each) => each.id === this.chosen);
    this.main.hidden = !one;
    if (one) this.show(one);
  }

  entry(one) {
    const done = one.accepted + one.review + one.rejected;
    return make(
      "button",
      {
        type: "button",
        className: "plain dataset-entry",
        "aria-pressed": String(one.id === this.chosen),
        onclick: () => {
          this.chosen = one.id;
          this.look();
        },
      },
      make("span", {}, one.id),
      make("span", { className: "dataset-share" }, `${done} / ${one.count}`),
    );
  }

  show(one) {
    const done = one.accepted + one.review + one.rejected;
    this.main.querySelector(".dataset-title").textContent = one.id;
    const left = one.seconds_left ? `, ${duration(one.seconds_left)} left` : "";
    const words = [
      `${STATES[one.state]}${left}`,
      `${one.accepted} of ${one.count} accepted`,
      `${one.review} wait for review`,
      `${one.rejected} rejected`,
    ];
    this.main.querySelector(".dataset-state").textContent = words.join(" · ");
    this.main.querySelector("progress").value = done / one.count;
    if (one.message) this.object(this.main, one.message);
    this.button("stop").hidden = one.state !== "drawing";
    this.button("start").hidden = one.state === "drawing" || one.state === "done";
    this.button("delete").hidden = one.state === "drawing";
    this.button("zip").href = address(`${PATH}/${encodeURIComponent(one.id)}/zip`);
    this.main
      .querySelector("tbody")
      .replaceChildren(
        ...Object.entries(one.classes).map(([name, count]) =>
          make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(count))),
        ),
      );
    this.review
      .load(one.id, Object.keys(one.classes))
      .catch((error) => this.object(this.main, error.message));
  }
}
