// Trainings as they go on: curves, samples, and what can be done with them.

import { openGrid } from "../run/grid_view.js";
import { actionsOf, stateWords } from "../run/training_words.js";
import { field } from "../settings/form.js";
import { add, insert } from "../settings/loras.js";
import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { look } from "../shared/models.js";
import { get, send } from "../shared/server.js";
import { lookAtStatus } from "../shared/status.js";
import { isShown, onTab, showTab } from "../shared/tabs.js";
import { drawChart } from "./chart.js";

const PLACE = "studio/v1/training";
const LOOK_MS = 1000;
const REST_MS = 5000;
const TASK = "text_to_image";
const WEIGHTS = [0, 0.4, 0.7, 1];
const UNDRAWN = { queued: "Waiting", loading: "Loading", running: "Drawing", forgotten: "Gone" };

export class Runs {
  constructor(root, session) {
    this.root = root;
    this.session = session;
    this.all = [];
    this.timer = 0;
    this.drawn = "";
    this.select = root.querySelector("[data-of=run]");
    this.says = root.querySelector(".objection");
    this.select.addEventListener("change", () => this.draw());
    for (const button of root.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => this.act(button.dataset.action, button));
    }
    onTab(() => this.follow());
  }

  begin() {
    this.follow();
  }

  get one() {
    return this.all.find(({ id }) => id === this.select.value) ?? this.all[0];
  }

  /** Show a training that was queued just now. */
  show(training) {
    this.all = [training, ...this.all];
    this.fill(training.id);
    this.draw();
    this.root.scrollIntoView({ block: "start" });
    this.follow();
    lookAtStatus();
  }

  /** Look again and again while the tab shows. */
  async follow() {
    clearTimeout(this.timer);
    if (!isShown("train")) return;
    try {
      const { trainings } = await get(PLACE);
      this.all = trainings.map((one) => ({ ...one, steps: one.order.training.steps }));
      this.fill(this.select.value);
      this.draw();
    } catch (error) {
      this.says.textContent = error.message;
    }
    clearTimeout(this.timer);
    const isOpen = this.all.some(({ state }) => state === "queued" || state === "running");
    this.timer = setTimeout(() => this.follow(), isOpen || this.awaits() ? LOOK_MS : REST_MS);
  }

  /** Samples are drawn yet. */
  awaits() {
    const samples = this.one?.sheets.flatMap((sheet) => sheet.samples) ?? [];
    return samples.some(({ state }) => ["queued", "loading", "running"].includes(state));
  }

  fill(chosen) {
    this.root.hidden = this.all.length === 0;
    const ids = this.all.map(({ id }) => id).join();
    if (ids !== this.select.dataset.ids) {
      const options = this.all.map(({ id, order }) => new Option(order.training.name, id));
      this.select.replaceChildren(...options);
      this.select.dataset.ids = ids;
      if (this.all.some(({ id }) => id === chosen)) this.select.value = chosen;
    }
    this.select.hidden = this.all.length < 2;
  }

  draw() {
    const training = this.one;
    if (!training) return;
    const told = JSON.stringify(training);
    if (told === this.drawn) return;
    this.drawn = told;
    for (const [name, may] of Object.entries(actionsOf(training))) {
      this.root.querySelector(`[data-action=${name}]`).hidden = !may;
    }
    this.root.querySelector(".train-state").textContent = stateWords(training);
    this.says.textContent = training.message ?? "";
    const progress = this.root.querySelector("progress");
    progress.hidden = ["finished", "failed", "cancelled"].includes(training.state);
    progress.value = training.step / training.steps;
    drawChart(this.root.querySelector(".train-chart"), training);
    this.sheets(training);
    const remarks = training.remarks.map((text) => make("li", {}, text));
    this.root.querySelector(".train-remarks").replaceChildren(...remarks);
  }

  sheets({ sheets }) {
    const rows = sheets.map(({ step, samples }) =>
      make(
        "section",
        { "aria-label": step ? `Samples at step ${step}` : "Samples without it" },
        make("h3", {}, step ? `Step ${step}` : "Without"),
        ...samples.map(sampleOf),
      ),
    );
    const root = this.root.querySelector(".train-sheets");
    const key = JSON.stringify(sheets);
    if (root.dataset.key === key) return; // pictures do not flicker
    root.dataset.key = key;
    root.replaceChildren(...rows);
  }

  async act(name, button) {
    const training = this.one;
    button.disabled = true;
    this.says.textContent = "";
    try {
      await this[name](training);
    } catch (error) {
      this.says.textContent = error.message;
    }
    lookAtStatus();
    button.disabled = false;
  }

  async change(training, how) {
    await send("POST", `${PLACE}/${training.id}/${how}`);
    this.drawn = "";
    await this.follow();
  }

  pause = (training) => this.change(training, "pause");
  resume = (training) => this.change(training, "resume");
  stop = (training) => this.change(training, "stop");

  /** Whatever its hours were. */
  async now({ id }) {
    await send("PATCH", `${PLACE}/${id}`, { hours: null });
    this.drawn = "";
    await this.follow();
  }

  async delete(training) {
    const { state, step, order } = training;
    const isOpen = ["queued", "running", "paused"].includes(state);
    const lost = `Delete ${order.training.name} and what it learnt in ${step} steps?`;
    if (isOpen && step > 0 && !confirm(lost)) return;
    await send("DELETE", `${PLACE}/${training.id}`);
    this.drawn = "";
    await this.follow();
  }

  /** A LoRA into the settings, its trigger word or an embedding's name into the prompt. */
  async try({ result, order }) {
    await look();
    const { kind, checkpoint, trigger } = order.training;
    if (field("checkpoint").value !== checkpoint) field("checkpoint").set(checkpoint);
    if (kind === "lora") add(result);
    const word = kind === "lora" ? trigger : result;
    const prompt = field("prompt");
    if (!prompt.value.trim() && order.samples.prompts[0]) prompt.set(order.samples.prompts[0]);
    if (word && !prompt.value.includes(word)) insert(word);
    showTab(TASK);
    prompt.element?.querySelector("textarea")?.focus();
  }

  /** A sheet without it, and at three weights. */
  async compare({ result, order }) {
    const { checkpoint, trigger } = order.training;
    const words = order.samples.prompts[0] ?? trigger;
    const tag = (weight) => `<lora:${result}:${weight}>`;
    const grid = await send("POST", "studio/v1/grids", {
      request: { prompt: `${words} ${tag(WEIGHTS[0])}`, checkpoint, seed: order.samples.seed },
      x: { axis: "Prompt S/R", values: WEIGHTS.map(tag).join(", ") },
    });
    showTab(TASK);
    openGrid(grid);
  }
}

function sampleOf({ prompt, state, image }) {
  if (!image)
    return make("span", { className: "train-sample", title: prompt }, UNDRAWN[state] ?? state);
  const place = `studio/v1/images/${encodeURIComponent(image)}`;
  return make(
    "a",
    { className: "train-sample", href: address(place), target: "_blank", title: prompt },
    make("img", { src: address(`${place}/thumbnail?side=256`), alt: prompt, loading: "lazy" }),
  );
}
