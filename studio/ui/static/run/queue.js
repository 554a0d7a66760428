// The queue in the hand: what is drawn, what waits and what has ended, and what can be done to it.

import { resultOf } from "../canvas/sizes.js";
import { takeUpAll } from "../restore/take_up.js";
import { showSheet } from "../settings/groups.js";
import { targetOf } from "../shared/dom.js";
import { account, lookAtStatus, onStatus, queued } from "../shared/status.js";
import * as remote from "./queue_jobs.js";
import { List } from "./queue_list.js";
import { QueueTrainings } from "./queue_trainings.js";
import { hasEnded, isWaiting, summary } from "./queue_words.js";

const TURN_MS = 1000;
const CALM_MS = 5000;
const FIRST = 60;
const ALL = 500;
const AHEAD = 3;

let panel = null;

/** The panel, and the button in the top bar that opens it. */
export function queue(element, session) {
  panel = new Panel(element, session);
}

export const isQueueShown = () => panel?.isOpen ?? false;
export const showQueue = (isShown) => (isShown ? panel?.open() : panel?.close());

class Panel {
  constructor(root, session) {
    this.root = root;
    this.session = session;
    this.button = document.querySelector(".status-bar .queue");
    this.sum = root.querySelector(".queue-sum");
    this.undo = root.querySelector(".queue-said button");
    this.said = root.querySelector(".queue-said p");
    this.jobs = [];
    this.limit = FIRST;
    this.seenMs = 0;
    this.list = new List(root, {
      act: (name, job) => this.act(name, job),
      drop: (id, place) => this.move(id, place),
    });
    this.trainings = new QueueTrainings(root, {
      attempt: (work) => this.try(work),
      left: () => this.close(),
    });
    this.bind();
  }

  get isOpen() {
    return this.root.matches(":popover-open");
  }

  bind() {
    this.button.addEventListener("click", () => this.toggle());
    this.root.addEventListener("keydown", (event) => this.key(event));
    const on = (action, act) =>
      this.root.querySelector(`.queue-head [data-action=${action}]`).addEventListener("click", act);
    on("close", () => this.close());
    on("pause", () => this.pause(true));
    on("resume", () => this.pause(false));
    on("clear", () => this.clear());
    const lists = this.root.querySelector(".queue-lists");
    lists.addEventListener("scroll", () => this.more(lists), { passive: true });
    document.addEventListener("pointerdown", (event) => this.leftByTouch(event));
    document.addEventListener("visibilitychange", () => this.turn());
    this.session.ends.on(() => this.refresh());
    this.session.sent.on(() => this.refresh());
    onStatus(() => this.heard());
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  open() {
    showSheet(false);
    const bar = document.getElementById("prompt-bar").getBoundingClientRect();
    if (bar.height) this.root.style.setProperty("--top", `${Math.round(bar.bottom + 4)}px`);
    else this.root.style.removeProperty("--top");
    this.root.showPopover();
    this.button.setAttribute("aria-expanded", "true");
    this.say("");
    this.refresh().then(() => this.list.focus());
    this.turn();
  }

  close() {
    clearTimeout(this.timer);
    const button = /** @type {HTMLElement} */ (this.button);
    if (this.root.contains(document.activeElement)) button.focus();
    this.root.hidePopover();
    this.button.setAttribute("aria-expanded", "false");
  }

  /** On a phone it is a sheet, which a touch beside it closes. */
  leftByTouch(event) {
    const isInside = targetOf(event).closest(".queue-panel, .status-bar .queue, .generate");
    if (this.isOpen && !isInside && matchMedia("(max-width: 819px)").matches) this.close();
  }

  /** Once a second while it is open and in sight: how far what is drawn is. */
  async turn() {
    clearTimeout(this.timer);
    if (!this.isOpen || document.hidden) return;
    await Promise.all([this.look(), this.trainings.look()]);
    clearTimeout(this.timer);
    if (this.isOpen) this.timer = setTimeout(() => this.turn(), TURN_MS);
  }

  /** The first of the list tell whether all of it is to be asked for. */
  async look() {
    if (Date.now() - this.seenMs > CALM_MS) return this.refresh();
    const found = await remote.list({ limit: AHEAD }).catch(() => null);
    if (!found) return undefined;
    const marks = (jobs) => jobs.slice(0, AHEAD).map(({ id, state }) => id + state);
    if (marks(found.jobs).join() !== marks(this.jobs).join()) return this.refresh();
    return this.draw([...found.jobs, ...this.jobs.slice(found.jobs.length)]);
  }

  async refresh() {
    if (!this.isOpen) return;
    this.seenMs = Date.now();
    const found = await remote.list({ limit: this.limit }).catch(() => null);
    if (!found || !this.isOpen) return;
    this.next = found.next;
    this.draw(found.jobs);
  }

  more(lists) {
    const isAtEnd = lists.scrollTop + lists.clientHeight > lists.scrollHeight - 200;
    if (!isAtEnd || !this.next) return;
    this.next = null;
    this.limit += FIRST;
    this.refresh();
  }

  draw(jobs) {
    this.jobs = jobs.filter((job) => job.state !== "cancelled" || job.images.length > 0);
    this.sum.textContent = summary(this.jobs, queued()?.count ?? 0);
    const mayClear = this.jobs.some((job) => isWaiting(job) && this.isOurs(job));
    this.root.querySelector("[data-action=clear]").disabled = !mayClear;
    this.list.draw(this.jobs, (job) => this.isOurs(job));
  }

  isOurs({ owner }) {
    return owner === null || owner === undefined || owner === account();
  }

  heard() {
    const now = queued();
    if (!now) return;
    this.root.querySelector(".queue-head [data-action=pause]").hidden = now.isPaused;
    this.root.querySelector(".queue-head [data-action=resume]").hidden = !now.isPaused;
    if (this.next === null && now.count !== this.jobs.filter(isOpen).length) this.refresh();
  }

  key(event) {
    if (!this.list.key(event)) return;
    event.preventDefault();
    event.stopPropagation(); // it is about the queue, not about the picture
  }

  /** Say what was done, and how it is taken back. */
  say(words, undo = null) {
    if (this.undo === document.activeElement) this.list.focus();
    this.said.textContent = words;
    this.undo.hidden = !undo;
    this.undo.onclick = async () => {
      this.say("Undone");
      await this.try(undo);
    };
  }

  /** What the studio refuses it says in words. */
  async try(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message);
    }
    lookAtStatus();
    await this.refresh();
  }

  act(name, job) {
    const place = this.waiting().findIndex(({ id }) => id === job.id);
    const acts = {
      next: () => this.move(job.id, 0),
      up: () => this.move(job.id, place - 1),
      down: () => this.move(job.id, place + 1),
      edit: () => this.try(() => this.edit(job, place)),
      show: () => this.show(job),
      retry: () => this.try(() => this.retry(job)),
      repeat: () => this.try(() => this.repeat(job)),
      cancel: () => this.try(() => this.cancel(job, place)),
      dismiss: () => this.try(() => remote.forget(job.id)),
    };
    acts[name]?.();
  }

  waiting() {
    return this.jobs.filter(isWaiting);
  }

  move(id, place) {
    if (place < 0 || place >= this.waiting().length) return undefined;
    return this.try(() => remote.move(id, place));
  }

  pause(isPaused) {
    return this.try(() => remote.pause(isPaused));
  }

  /** Of one that waits nothing is lost: it can be brought back to its place. */
  async cancel(job, place) {
    await remote.cancel(job.id);
    this.session.dropped(job.id);
    if (isWaiting(job)) this.say("Cancelled", () => this.bringBack(job, place));
  }

  async bringBack(job, place) {
    const id = await this.again(job);
    if (place >= 0) await remote.move(id, place);
  }

  /** The same job once more, which this page follows. */
  async again(job) {
    const id = await remote.again(job.id);
    this.session.take(id, { ...(await resultOf(job.request)), request: job.request });
    return id;
  }

  async repeat(job) {
    await this.again(job);
    this.say("Queued once more");
  }

  async retry(job) {
    await this.again(job);
    await remote.forget(job.id);
    this.say("Queued again");
  }

  /** Its settings come to the page, and it waits no more. */
  async edit(job, place) {
    await remote.cancel(job.id);
    this.session.dropped(job.id);
    await takeUpAll(job.request, (_, undo) => {
      const back = () => {
        undo();
        return this.bringBack(job, place);
      };
      const words = "Taken out of the queue: its settings are on the page";
      this.say(words, back);
      this.session.viewer.offer(words, () => this.try(back));
      return () => {};
    });
    document.getElementById("prompt").focus();
    if (matchMedia("(max-width: 819px)").matches) this.close();
  }

  show(job) {
    const pictures = job.images.map((one) => ({ ...one, request: job.request }));
    this.session.viewer.browse(pictures[0]);
    if (matchMedia("(max-width: 819px)").matches) this.close();
  }

  clear() {
    return this.try(async () => {
      const { jobs: all } = await remote.list({ limit: ALL });
      const jobs = all.filter((job) => isWaiting(job) && this.isOurs(job));
      for (const job of jobs) {
        await remote.cancel(job.id);
        this.session.dropped(job.id);
      }
      const words = jobs.length === 1 ? "1 cancelled" : `${jobs.length} cancelled`;
      this.say(words, async () => {
        for (const job of jobs) await this.again(job);
      });
    });
  }
}

const isOpen = (job) => !hasEnded(job);
