// The rows of the queue: one of them has the focus, those that wait can be dragged.

import { Row } from "./queue_row.js";
import { hasEnded, isWaiting } from "./queue_words.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -6, PageDown: 6 };

export class List {
  /** of.act(name, job) and of.drop(id, place) are called with what was asked for. */
  constructor(root, of) {
    this.of = of;
    this.rows = new Map();
    this.current = null;
    this.parts = ["now", "waiting", "ended"].map((name) => {
      const part = root.querySelector(`.queue-${name}`);
      return { part, list: part.querySelector("ol"), head: part.querySelector("h3") };
    });
    this.empty = root.querySelector(".queue-empty");
    this.close = root.querySelector("[data-action=close]");
    root.addEventListener("focusin", (event) => {
      const row = event.target.closest("li.queue-row");
      if (row) this.choose(row.dataset.id);
    });
    root.addEventListener("click", (event) => {
      const row = event.target.closest("li.queue-row");
      if (row) this.choose(row.dataset.id);
    });
    this.bindDrag(this.parts[1].list);
  }

  get order() {
    return this.parts.flatMap(({ list }) => [...list.children]);
  }

  draw(jobs, isOurs) {
    const waiting = jobs.filter(isWaiting);
    const groups = [jobs.filter(isUnderWay), waiting, jobs.filter(hasEnded)];
    const focused = document.activeElement;
    const at = this.order.findIndex((row) => row.contains(focused));
    groups.forEach((group, number) => {
      const { part, list } = this.parts[number];
      part.hidden = group.length === 0;
      const elements = group.map((job, place) => {
        const row = this.rowOf(job);
        row.update(job, { place, count: group.length, isOurs: isOurs(job) });
        return row.element;
      });
      arrange(list, elements);
    });
    const ids = new Set(jobs.map(({ id }) => id));
    for (const id of [...this.rows.keys()]) if (!ids.has(id)) this.rows.delete(id);
    this.empty.hidden = jobs.length > 0;
    if (!this.rows.has(this.current)) {
      const next = this.order[Math.min(Math.max(at, 0), this.order.length - 1)];
      this.current = next?.dataset.id ?? null;
    }
    this.choose(this.current);
    if (at >= 0) this.keepFocus(focused);
  }

  /** A row that moved lets go of the focus, one that went hands it to the next. */
  keepFocus(focused) {
    const isThere = focused.isConnected && focused.checkVisibility() && !focused.disabled;
    if (isThere) focused.focus();
    else (this.rows.get(this.current)?.element ?? this.close).focus();
  }

  rowOf(job) {
    if (!this.rows.has(job.id)) {
      this.rows.set(job.id, new Row((name, of) => this.of.act(name, of)));
    }
    return this.rows.get(job.id);
  }

  /** The one row that Tab leads to, and into whose buttons. */
  choose(id) {
    this.current = id;
    for (const [name, { element, acts }] of this.rows) {
      const isCurrent = name === id;
      element.classList.toggle("current", isCurrent);
      element.tabIndex = isCurrent ? 0 : -1;
      for (const button of acts) button.tabIndex = isCurrent ? 0 : -1;
    }
  }

  focus() {
    this.rows.get(this.current)?.element.focus({ preventScroll: true });
  }

  /** True if the key was for a row. */
  key(event) {
    const row = event.target.closest?.("li.queue-row");
    const known = row && this.rows.get(row.dataset.id);
    if (!known || event.ctrlKey || event.metaKey || event.isComposing) return false;
    const { job } = known;
    if (event.altKey) {
      const name = { ArrowUp: "up", ArrowDown: "down", Home: "next" }[event.key];
      if (!name || !known.may(name)) return Boolean(name);
      this.of.act(name, job);
      return true;
    }
    if (event.key in STEPS || event.key === "Home" || event.key === "End") {
      this.step(row, event.key);
      return true;
    }
    if (event.target !== row) return false; // a button's own keys
    const name = { Enter: known.main, Delete: hasEnded(job) ? "dismiss" : "cancel" }[event.key];
    if (name && known.may(name)) this.of.act(name, job);
    return Boolean(name);
  }

  step(row, key) {
    const { order } = this;
    const at = { Home: 0, End: order.length - 1 }[key] ?? order.indexOf(row) + STEPS[key];
    const next = order[Math.min(order.length - 1, Math.max(0, at))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  bindDrag(list) {
    const rowAt = (event) => event.target.closest?.("li.queue-row");
    let dragged = null;
    const mark = (row, isAfter) => {
      for (const one of list.children) one.classList.remove("before", "after");
      row?.classList.add(isAfter ? "after" : "before");
    };
    const isAfter = (row, event) => {
      const { top, height } = row.getBoundingClientRect();
      return event.clientY > top + height / 2;
    };
    list.addEventListener("dragstart", (event) => {
      dragged = rowAt(event);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", dragged.dataset.id);
    });
    list.addEventListener("dragover", (event) => {
      const row = rowAt(event);
      if (!dragged || !row) return;
      event.preventDefault();
      mark(row, isAfter(row, event));
    });
    list.addEventListener("drop", (event) => {
      const row = rowAt(event);
      if (!dragged || !row || row === dragged) return;
      event.preventDefault();
      const others = [...list.children].filter((one) => one !== dragged);
      this.of.drop(dragged.dataset.id, others.indexOf(row) + (isAfter(row, event) ? 1 : 0));
    });
    list.addEventListener("dragend", () => {
      dragged = null;
      mark(null);
    });
  }
}

const isUnderWay = (job) => !isWaiting(job) && !hasEnded(job);

/** Put `elements` into `list` in their order. */
function arrange(list, elements) {
  const wanted = new Set(elements);
  for (const one of [...list.children]) if (!wanted.has(one)) one.remove();
  elements.forEach((element, at) => {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  });
}
