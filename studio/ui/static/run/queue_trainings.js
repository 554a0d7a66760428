// Trainings in the panel of the queue: they take turns with what is drawn.

import { copyOf } from "../shared/dom.js";
import { get, send } from "../shared/server.js";
import { showTab } from "../shared/tabs.js";
import { percent } from "../shared/words.js";
import { actionsOf, stateWords } from "./training_words.js";

const TRAININGS = "studio/v1/training";
const OPEN = ["queued", "running", "paused"];

export class QueueTrainings {
  /** of.attempt(work) does something and tells what is refused; of.left() hears that another tab
   * shows. */
  constructor(root, of) {
    this.of = of;
    this.part = root.querySelector(".queue-trainings");
    this.list = this.part.querySelector("ol");
    this.rows = new Map();
  }

  async look() {
    const found = await get(TRAININGS).catch(() => null);
    if (found) this.draw(found.trainings.filter(({ state }) => OPEN.includes(state)).reverse());
  }

  draw(trainings) {
    this.part.hidden = trainings.length === 0;
    const ids = new Set(trainings.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const one of trainings) this.update(this.rowOf(one.id), one);
  }

  rowOf(id) {
    if (!this.rows.has(id)) {
      const row = copyOf("queue-training");
      for (const button of row.querySelectorAll("[data-action]")) {
        const name = /** @type {HTMLElement} */ (button).dataset.action;
        button.addEventListener("click", () => this.act(name, id));
      }
      this.rows.set(id, row);
      this.list.append(row);
    }
    return this.rows.get(id);
  }

  update(row, one) {
    const { name, steps } = one.order.training;
    const owner = one.owner ? `${one.owner} · ` : "";
    const words = owner + stateWords({ ...one, steps });
    row.dataset.state = one.state;
    row.querySelector(".queue-prompt").textContent = `Training ${name}`;
    row.querySelector(".queue-state").textContent = words;
    row.querySelector(".queue-state").title = words;
    const share = one.step / steps;
    row.querySelector(".queue-bar").title = percent(share);
    row.querySelector(".queue-bar i").style.transform = `scaleX(${share})`;
    const may = { ...actionsOf(one), open: true };
    for (const button of row.querySelectorAll("[data-action]")) {
      button.hidden = !may[button.dataset.action];
    }
  }

  act(name, id) {
    if (name === "open") {
      showTab("train");
      return this.of.left();
    }
    return this.of.attempt(async () => {
      await send("POST", `${TRAININGS}/${id}/${name}`);
      await this.look();
    });
  }
}
