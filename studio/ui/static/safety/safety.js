// The Safety page: what the owner allows, the log, and what holds for whoever looks.

import { make } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { lookAtStatus } from "../shared/status.js";
import { onTab } from "../shared/tabs.js";
import { size } from "../shared/words.js";
import { waiting } from "./waiting.js";
import { accountLines, accounts, factWords, goesWords, lines, ownerWords } from "./words.js";

const SAFETY = "studio/v1/safety";
const REST_MS = 400;
const ON_A_PAGE = 50;

export function open(element) {
  new Safety(element);
}

class Safety {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("form");
    this.fields = this.form.elements;
    this.save = this.form.querySelector(".safety-foot button");
    this.said = root.querySelector(".safety-said");
    this.timer = 0;
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    root.querySelector("[data-action=older]").addEventListener("click", () => this.older());
    onTab((name) => name === "safety" && this.look());
    this.look();
  }

  async look() {
    try {
      this.show(await get(SAFETY));
    } catch (error) {
      this.root.querySelector(".safety-who").textContent = error.message;
    }
  }

  show(now) {
    this.root.querySelector(".safety-who").textContent = ownerWords(now);
    const facts = factWords(now).map((words) => make("li", {}, words));
    this.root.querySelector(".safety-facts ul").replaceChildren(...facts);
    this.form.hidden = !now.may_change;
    this.root.querySelector(".safety-log").hidden = !now.may_change;
    if (!now.rules) return;
    const needs = this.root.querySelector(".safety-needs");
    needs.hidden = !now.filter_needs;
    needs.textContent = now.filter_needs ?? "";
    this.root.querySelector(".safety-faces").hidden = now.finds_faces;
    const cannot = now.filter_needs || now.filter_is_fixed;
    for (const one of this.form.querySelectorAll("[name=filter]")) one.disabled = cannot;
    this.fields.namedItem("filter_of_accounts").disabled = cannot;
    this.fields.namedItem("source_thumbnail").disabled = now.source_thumbnail_is_fixed;
    if (now.class_mode) {
      const section = this.root.querySelector(".safety-waiting");
      waiting(section, (words) => this.say(words, true)).catch((error) =>
        this.say(error.message, true),
      );
    }
    this.rules = now.rules;
    this.fill(now.rules);
    this.log = [];
    this.next = null;
    this.older();
  }

  fill(rules) {
    for (const [name, value] of Object.entries(rules)) {
      const field = this.fields.namedItem(name);
      if (!field) continue;
      if (typeof value === "boolean") field.checked = value;
      else if (Array.isArray(value)) field.value = value.join("\n");
      else if (typeof value === "object") field.value = accountLines(value);
      else field.value = value;
    }
    this.save.disabled = true;
    this.root.querySelector(".safety-goes").textContent = "";
  }

  /** What is set otherwise by now. Throws words for people. */
  changes() {
    const changes = {};
    for (const [name, was] of Object.entries(this.rules)) {
      const field = this.fields.namedItem(name);
      if (!field || field.disabled) continue;
      let now = field.value;
      if (typeof was === "boolean") now = field.checked;
      else if (typeof was === "number") now = field.valueAsNumber;
      else if (Array.isArray(was)) now = lines(field.value);
      else if (typeof was === "object") now = accounts(field.value);
      if (JSON.stringify(now) !== JSON.stringify(was)) changes[name] = now;
    }
    return changes;
  }

  changed() {
    this.say("");
    try {
      this.save.disabled = Object.keys(this.changes()).length === 0;
    } catch (error) {
      this.save.disabled = true;
      this.say(error.message, true);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.foretell(), REST_MS);
  }

  /** What the number of days would do, before it is saved. */
  async foretell() {
    const days = this.fields.namedItem("retention_days").valueAsNumber;
    const words = this.root.querySelector(".safety-goes");
    if (!days || days === this.rules.retention_days) {
      words.textContent = "";
      return;
    }
    const told = await get(`${SAFETY}/retention?days=${days}`).catch(() => null);
    words.textContent = told ? goesWords(told, size) : "";
  }

  async send() {
    this.save.disabled = true;
    try {
      this.show(await send("PATCH", SAFETY, this.changes()));
      this.say("Saved. It holds from now on.");
      lookAtStatus();
    } catch (error) {
      this.say(error.message, true);
      this.save.disabled = false;
    }
  }

  async older() {
    const before = this.next ? `&before=${encodeURIComponent(this.next)}` : "";
    const page = await get(`${SAFETY}/log?limit=${ON_A_PAGE}${before}`).catch(() => null);
    if (!page) return;
    this.log.push(...page.entries);
    this.next = page.next;
    const rows = this.log.map((one) =>
      make(
        "tr",
        {},
        make("td", {}, new Date(one.at_s * 1000).toLocaleString()),
        make("td", {}, one.account ?? "guest"),
        make("td", {}, one.what),
        make("td", {}, one.why),
        make("td", { title: one.prompt }, promptWords(one.prompt)),
      ),
    );
    this.root.querySelector("tbody").replaceChildren(...rows);
    this.root.querySelector(".safety-table").hidden = rows.length === 0;
    this.root.querySelector(".safety-empty").hidden = rows.length > 0;
    this.root.querySelector("[data-action=older]").hidden = !page.next;
  }

  say(words, isBad = false) {
    this.said.textContent = words;
    this.said.classList.toggle("bad", isBad);
  }
}

const HASH = /^[0-9a-f]{64}$/;

const promptWords = (text) => (HASH.test(text) ? `#${text.slice(0, 10)}…` : text);
