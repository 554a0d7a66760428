// One job in the list of the queue.

import { address } from "../shared/data.js";
import { copyOf } from "../shared/dom.js";
import { percent } from "../shared/words.js";
import { hasEnded, isWaiting, mayRetry, standing, title } from "./queue_words.js";

const PREVIEW = (id, step) => `studio/v1/jobs/${encodeURIComponent(id)}/preview?step=${step}`;

export class Row {
  /** `act(name, job, row)` is called with what one of its buttons asks for. */
  constructor(act) {
    /** @type {any} */
    this.element = copyOf("queue-row");
    this.acts = [...this.element.querySelectorAll("[data-action]")];
    this.shown = "";
    for (const button of this.acts) {
      button.tabIndex = -1;
      button.addEventListener("click", (event) => {
        event.stopPropagation();
        act(button.dataset.action, this.job, this);
      });
    }
  }

  /** What Enter does. */
  get main() {
    return ["edit", "show", "retry"].find((name) => this.may(name));
  }

  may(name) {
    return this.acts.some((one) => one.dataset.action === name && !one.hidden && !one.disabled);
  }

  /** `of.place` of `of.count` that wait; `of.isOurs`: may it be changed? */
  update(job, of) {
    this.job = job;
    const { element } = this;
    const words = standing(job, of.place);
    const owner = job.owner ? `${job.owner} · ` : "";
    element.dataset.id = job.id;
    element.dataset.state = job.state;
    element.draggable = isWaiting(job) && of.isOurs;
    element.querySelector(".queue-prompt").textContent = title(job);
    element.querySelector(".queue-prompt").title = title(job).slice(0, 500);
    element.querySelector(".queue-state").textContent = owner + words;
    element.querySelector(".queue-state").title = job.state === "failed" ? words : "";
    element.setAttribute("aria-label", `${title(job).slice(0, 120)}. ${owner}${words}`);
    this.progress(job);
    this.picture(job);
    this.offer(job, of);
  }

  progress(job) {
    const share = job.state === "running" ? (job.total ? job.step / job.total : 0) : job.fraction;
    const bar = this.element.querySelector(".queue-bar");
    bar.hidden = isWaiting(job) || hasEnded(job);
    bar.title = percent(share ?? 0);
    bar.firstElementChild.style.transform = `scaleX(${share ?? 0})`;
  }

  /** Its preview or its first picture, decoded before it is put in place of what was there. */
  async picture(job) {
    const kind = job.request.task?.kind ?? "text_to_image";
    for (const one of this.element.querySelectorAll("[data-task]")) {
      one.hidden = one.dataset.task !== kind || this.shown !== "";
    }
    const [first] = job.images;
    let url = first ? `${first.url}/thumbnail?side=128` : "";
    if (job.state === "running" && job.step) url = PREVIEW(job.id, job.step);
    if (!url || url === this.asked) return;
    this.asked = url;
    const image = new Image();
    image.src = address(url);
    image.alt = "";
    image.draggable = false;
    const isThere = await image.decode().then(
      () => true,
      () => false,
    );
    if (!isThere || this.asked !== url) return;
    this.shown = url;
    const place = this.element.querySelector(".queue-thumb");
    place.querySelector("img")?.remove();
    for (const one of place.children) one.hidden = true;
    place.append(image);
  }

  offer(job, { place, count, isOurs }) {
    const waits = isWaiting(job);
    const ended = hasEnded(job);
    const may = {
      next: waits && place > 0,
      up: waits && place > 0,
      down: waits && place < count - 1,
      edit: waits,
      show: job.images.length > 0,
      retry: mayRetry(job),
      repeat: job.state !== "failed",
      cancel: !ended,
      dismiss: ended,
    };
    const moves = ["next", "up", "down"];
    for (const button of this.acts) {
      const name = button.dataset.action;
      button.hidden = !(may[name] || (waits && moves.includes(name)));
      button.disabled = !may[name];
      if (name !== "show" && !isOurs) button.hidden = true;
    }
  }
}
