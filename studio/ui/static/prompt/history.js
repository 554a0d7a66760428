// Prompts that were used: walked through by key, or chosen from a list that searches.

import { value } from "../settings/form.js";
import { iconButton, make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { replace } from "./edit.js";
import { newest } from "./newest.js";
import { panel, under } from "./popover.js";
import { Walk } from "./walk.js";

const PAUSE_MS = 120;
const PAGE = 50;

const page = (search, next) => {
  const asked = new URLSearchParams({ search, limit: String(PAGE) });
  if (next) asked.set("before", next);
  return get(`studio/v1/prompts?${asked}`);
};

const present = () => ({ prompt: value("prompt"), negative_prompt: value("negative_prompt") });

export class History {
  constructor(root, areas, session) {
    this.areas = areas;
    this.walk = new Walk((next) => page("", next));
    this.list = new List(root, (entry) => {
      this.walk.jump(entry, present());
      areas[0].focus({ preventScroll: true });
      this.put(entry);
    });
    session.sent.on(() => this.walk.forget());
  }

  /** Show the prompt before (1) or behind (-1). */
  async step(direction) {
    const entry = await this.walk.step(direction, present).catch(() => null);
    if (entry) this.put(entry);
  }

  put(entry) {
    for (const area of this.areas) replace(area, entry[area.id]);
  }
}

class List {
  constructor(root, choose) {
    this.root = root;
    this.button = document.querySelector(`[popovertarget="${root.id}"]`);
    this.choose = choose;
    this.search = root.querySelector("input");
    this.list = root.querySelector("ul");
    this.empty = root.querySelector(".history-empty");
    this.next = null;
    const look = newest(() => this.fill(), PAUSE_MS);
    this.search.addEventListener("input", look);
    panel(root, () => this.open());
    root.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("scroll", () => this.more(), { passive: true });
  }

  open() {
    under(this.root, this.button.getBoundingClientRect());
    this.search.value = "";
    this.search.focus();
    this.fill();
  }

  async fill() {
    const words = this.search.value;
    const found = await page(words, null).catch((error) => error);
    if (words !== this.search.value) return;
    const rows = found.prompts ?? [];
    this.next = found.next ?? null;
    this.list.replaceChildren(...rows.map((entry) => this.row(entry)));
    this.list.scrollTop = 0;
    const none = words.trim() ? "No prompt has these words." : "What you draw from is kept here.";
    this.empty.textContent = rows.length ? "" : (found.message ?? none);
  }

  async more() {
    const left = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight;
    if (!this.next || left > 400) return;
    const [words, next] = [this.search.value, this.next];
    this.next = null;
    const found = await page(words, next).catch(() => null);
    if (!found || words !== this.search.value) return;
    this.next = found.next;
    this.list.append(...found.prompts.map((entry) => this.row(entry)));
  }

  row(entry) {
    const when = new Date(entry.used).toLocaleString(undefined, {
      dateStyle: "medium",
      timeStyle: "short",
    });
    const uses = entry.uses > 1 ? ` · used ${entry.uses} times` : "";
    const line = (className, textContent) => make("span", { className, textContent });
    const row = make(
      "li",
      {},
      make(
        "button",
        { type: "button", className: "history-entry", title: entry.prompt },
        line("history-prompt", entry.prompt || "Without a prompt"),
        entry.negative_prompt
          ? line("history-negative", `Without: ${entry.negative_prompt}`)
          : null,
        line("history-when", `${when}${uses}`),
      ),
      iconButton("trash", "Forget this prompt", () => this.forget(row, entry)),
    );
    row.firstElementChild.addEventListener("click", () => this.take(entry));
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Delete") return;
      event.stopPropagation();
      this.forget(row, entry);
    });
    return row;
  }

  take(entry) {
    this.root.hidePopover();
    this.choose(entry);
  }

  async forget(row, entry) {
    const { message } = await send("DELETE", `studio/v1/prompts/${entry.id}`)
      .then(() => ({ message: "" }))
      .catch((error) => (error.status === 404 ? { message: "" } : error));
    this.empty.textContent = message;
    if (message) return;
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (neighbour?.firstElementChild ?? this.search).focus();
    if (!neighbour) this.fill();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const entries = [...this.list.querySelectorAll(".history-entry")];
    const at = entries.indexOf(document.activeElement?.closest("li")?.firstElementChild);
    if (step) {
      event.preventDefault();
      const next = at + step;
      (next < 0 ? this.search : entries[Math.min(next, entries.length - 1)])?.focus();
    } else if (event.key === "Enter" && document.activeElement === this.search) {
      event.preventDefault();
      entries[0]?.click();
    }
  }
}
