// Models on their way here: where from, how far, and the cross that ends one.

import { iconButton, make } from "../shared/dom.js";
import { look } from "../shared/models.js";
import { get, send } from "../shared/server.js";
import { isShown } from "../shared/tabs.js";
import { duration, percent, size } from "../shared/words.js";
import { fillStarters } from "./starters.js";

const BUSY_MS = 500;
const CALM_MS = 4000;
const OPEN = ["waiting", "running"];

export class Downloads {
  constructor(root) {
    this.form = root.querySelector("form.download");
    this.list = root.querySelector(".downloads");
    this.toggle = root.querySelector("[data-action=download]");
    this.error = this.form.querySelector(".objection");
    this.hidden = new Set();
    this.finished = null;
    this.toggle.addEventListener("click", () => this.open(this.form.hidden));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { source, sha256 } = this.form.elements;
      this.start(source.value.trim(), sha256.value.trim());
    });
    fillStarters(this.form.querySelector(".starters ul"), (source) => this.start(source));
  }

  open(isOpen) {
    this.form.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.form.elements.source.focus();
  }

  async start(source, sha256 = "") {
    this.error.textContent = "";
    try {
      const json = { source, ...(sha256 ? { sha256 } : {}) };
      await send("POST", "studio/v1/models/downloads", json);
      this.form.reset();
      this.open(false);
    } catch (error) {
      this.error.textContent = error.message;
    }
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    const all = await get("studio/v1/models/downloads").catch(() => null);
    if (all) this.draw(all);
    const isBusy = all?.some((one) => OPEN.includes(one.state));
    clearTimeout(this.timer);
    if (isShown("models")) this.timer = setTimeout(() => this.look(), isBusy ? BUSY_MS : CALM_MS);
  }

  draw(all) {
    const finished = all.filter((one) => one.state === "finished").length;
    if (this.finished !== null && finished > this.finished) look();
    // Those that had ended before this page was opened are history.
    if (this.finished === null) {
      for (const one of all) if (!OPEN.includes(one.state)) this.hidden.add(one.id);
    }
    this.finished = finished;
    const shown = all.filter((one) => !this.hidden.has(one.id));
    this.list.replaceChildren(...shown.map((one) => this.row(one)));
  }

  row(one) {
    const isOpen = OPEN.includes(one.state);
    const share = one.total_bytes ? one.done_bytes / one.total_bytes : 0;
    const bar = make("div", { className: "track" }, make("i"));
    bar.firstChild.style.width = percent(share).replace(" ", "");
    const cross = isOpen
      ? iconButton("close", `Cancel the download of ${one.source}`, () => this.cancel(one))
      : iconButton("close", "Take off the list", () => {
          this.hidden.add(one.id);
          this.look();
        });
    return make(
      "div",
      { className: "download-row", "data-state": one.state },
      make("span", {
        className: "download-name",
        textContent: one.name || one.source,
        title: one.source,
      }),
      make("span", { className: "download-words", textContent: wordsFor(one, share) }),
      cross,
      isOpen ? bar : null,
    );
  }

  async cancel(one) {
    await send("POST", `studio/v1/models/downloads/${one.id}/cancel`).catch(() => null);
    this.look();
  }
}

function wordsFor(one, share) {
  if (one.state === "waiting") return "Waiting";
  if (one.state === "finished") return "Finished";
  if (one.state === "cancelled") return "Cancelled. What has come is kept for another try.";
  if (one.state === "failed") return one.message;
  if (!one.total_bytes) return one.done_bytes ? size(one.done_bytes) : "Connecting";
  const left = (one.total_bytes - one.done_bytes) / one.rate_bytes_s;
  return [
    percent(share),
    `${size(one.done_bytes)} of ${size(one.total_bytes)}`,
    one.rate_bytes_s ? `${size(one.rate_bytes_s)}/s` : "",
    one.rate_bytes_s && Number.isFinite(left) ? `${duration(left)} left` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
