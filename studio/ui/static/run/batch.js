// Many pictures through image-to-image or inpainting, each an ordinary job with the settings of
// the moment it began. A picture that cannot be used is told and left out.

import { onFiles, onSource, ready, sourceOf } from "../canvas/sources.js";
import { uploaded } from "../canvas/uploads.js";
import { asked } from "../settings/form.js";
import { make } from "../shared/dom.js";
import { retrying, send } from "../shared/server.js";
import { isForMany, isSketched, onTask, task } from "../shared/task.js";
import { showView } from "../shared/views.js";
import { consented } from "./consent.js";
import { cancel } from "./queue_jobs.js";

const QUEUE_FULL = 503;
const RETRY_MS = 3000;

/** Where the studio does not answer there is nothing to stop either. */
const drop = (id) => cancel(id).catch(() => null);
const stem = (file) => file.name.replace(/\.[^.]*$/, "").toLowerCase();
const size = ({ width, height }) => ({ width, height });
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

export function batch(root, session) {
  new Batch(root, session);
}

class Batch {
  constructor(root, session) {
    this.root = root;
    this.session = session;
    session.ends.on(({ id, state }) => this.ended(id, state));
    this.pictures = [];
    this.masks = [];
    this.run = null; // {kind, total, jobs, ended, faults, isSending, isStopped}
    this.words = root.querySelector(".many-words");
    this.faults = root.querySelector(".many-faults");
    this.start = root.querySelector("[data-action=start]");
    this.halt = root.querySelector("[data-action=halt]");
    for (const input of root.querySelectorAll("input[type=file]")) {
      const { takes } = input.dataset;
      input.addEventListener("change", () => this.take(takes, [...input.files]));
      for (const button of root.querySelectorAll(`[data-action=${input.dataset.button}]`)) {
        button.addEventListener("click", () => input.click());
      }
    }
    this.start.addEventListener("click", () => this.begin());
    this.halt.addEventListener("click", () => this.stop());
    onFiles((kind, files) => this.dropped(kind, files));
    onSource(() => this.draw());
    onTask(() => this.draw());
    addEventListener("beforeunload", (event) => this.run?.isSending && event.preventDefault());
    this.draw();
  }

  dropped(kind, files) {
    if (!isForMany(kind)) return false;
    this.take("pictures", files);
    const group = this.root.closest(".group");
    if (group.classList.contains("folded")) group.querySelector(".group-head").click();
    this.root.scrollIntoView({ block: "nearest" });
    return true;
  }

  take(what, files) {
    const images = files.filter((file) => file.type.startsWith("image/") || !file.type);
    this[what] = images.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    this.run = this.run?.isSending ? this.run : null;
    this.draw();
  }

  /** The mask of `picture`: the chosen one of the same name; without any, the painted one. */
  maskOf(picture) {
    return this.masks.find((mask) => stem(mask) === stem(picture)) ?? null;
  }

  draw() {
    const isInpaint = task() === "inpaint";
    const chosen = this.pictures.length;
    this.root.querySelector(".many-chosen").textContent = chosen ? count(chosen, "picture") : "";
    this.root.querySelector(".many-masks").hidden = !isInpaint;
    this.root.querySelector(".many-masked").textContent = this.maskWords();
    this.root.querySelector(".many-painted").textContent = this.sketchWords();
    this.start.textContent = chosen ? `Run ${count(chosen, "picture")}` : "Run";
    const why = this.why();
    this.start.disabled = why !== "";
    this.start.title = why;
    this.start.hidden = this.run !== null && this.run.ended < this.run.total;
    this.halt.hidden = !this.start.hidden;
    this.words.textContent = this.run ? progressWords(this.run) : "";
    this.faults.replaceChildren(
      ...(this.run?.faults ?? []).map((words) => make("li", { textContent: words })),
    );
  }

  why() {
    if (!this.pictures.length) return "Choose pictures first";
    if (task() !== "inpaint" || this.masks.length || isMarked()) return "";
    return "Choose masks, or paint one that serves all pictures";
  }

  maskWords() {
    if (!this.pictures.length || task() !== "inpaint") return "";
    if (!this.masks.length) {
      return isMarked() ? "The painted mask, for all" : "None yet";
    }
    const without = this.pictures.filter((picture) => !this.maskOf(picture)).length;
    return without ? `${count(without, "picture")} without a mask` : "One for each picture";
  }

  /** Colours are painted to the pixel: they fit pictures of one size alone. */
  sketchWords() {
    const painted = this.pictures.length && isSketched(task()) ? sourceOf(task()) : null;
    if (!painted?.sketch) return "";
    return `The painted colours go over each, if it is ${painted.width} × ${painted.height}`;
  }

  async begin() {
    const settings = ofAny(asked());
    const { kind } = settings.task;
    const pictures = this.pictures;
    const run = {
      kind,
      total: pictures.length,
      jobs: [],
      ended: 0,
      faults: [],
      isSending: true,
      isStopped: false,
    };
    this.run = run;
    this.draw();
    showView("result");
    const painted = await this.painted(kind);
    for (const picture of pictures) {
      if (run.isStopped) break;
      try {
        await this.submit(picture, settings, painted);
      } catch (error) {
        this.fault(`${picture.name}: ${error.message}`);
      }
      this.draw();
    }
    run.isSending = false;
    if (run.isStopped) run.total = run.jobs.length + run.faults.length;
    this.draw();
  }

  /** The mask that serves where none is chosen, and the colours over pictures of `width` × `height`, as
   * they are painted by now. */
  async painted(kind) {
    const source = isSketched(kind) ? sourceOf(kind) : null;
    if (!source?.mask && !source?.sketch) return {};
    const { mask, sketch } = await ready(kind).catch(() => ({}));
    return { mask: this.masks.length ? null : mask, sketch, ...size(source) };
  }

  async submit(picture, settings, painted) {
    const part = { ...settings.task };
    if (part.kind === "inpaint") {
      const mask = this.maskOf(picture);
      if (!mask && !painted.mask) throw new Error("there is no mask of this name.");
      part.mask = mask ? (await uploaded(mask)).image : painted.mask;
      part.resize_mask = !mask;
    }
    const { image, width, height } = await uploaded(picture);
    if (painted.sketch) {
      const isFit = width === painted.width && height === painted.height;
      if (!isFit)
        throw new Error(
          `the painted colours are ${painted.width} × ${painted.height}, it is ${width} × ${height}. ` +
            "Clear them, or choose pictures of that size.",
        );
      part.sketch = painted.sketch;
    }
    const id = await this.queue({ ...settings, task: { ...part, image } });
    this.run.jobs.push(id);
    if (this.run.isStopped) drop(id);
    const result = settings.width && settings.height ? settings : { width, height };
    this.session.take(id, { ...size(result), request: settings });
  }

  /** A full queue is waited for. */
  async queue(request) {
    const may = (error) => error.status === QUEUE_FULL && !this.run.isStopped;
    const submit = () => send("POST", "studio/v1/jobs", request);
    const asked = () => consented(request, submit);
    return (await retrying(asked, { pause_ms: RETRY_MS, may })).id;
  }

  fault(words) {
    this.run.faults.push(words);
    this.run.ended += 1;
  }

  ended(id, state) {
    const at = this.run?.jobs.indexOf(id) ?? -1;
    if (at < 0) return;
    if (state.state === "failed")
      this.run.faults.push(`Picture ${at + 1}: ${state.message ?? "lost"}`);
    this.run.ended += 1;
    this.draw();
  }

  /** What waits is dropped, what runs is stopped; what is done stays. */
  stop() {
    this.run.isStopped = true;
    for (const id of this.run.jobs) drop(id);
    this.draw();
  }
}

/** Is a mask painted, or colours that are one where there is none? */
function isMarked() {
  const { mask, sketch } = sourceOf("inpaint") ?? {};
  return Boolean(mask ?? sketch);
}

/** Numbers of found things are those of one picture. */
const ofAny = (settings) => ({
  ...settings,
  detailers: settings.detailers?.map((one) => ({ ...one, only: [] })),
});

function progressWords({ total, ended, faults, isStopped }) {
  const bad = faults.length ? ` · ${faults.length} left out` : "";
  if (isStopped) return `Stopped after ${ended} of ${total}${bad}`;
  if (ended >= total) return `${total - faults.length} of ${total} done${bad}`;
  return `${ended} of ${total} done${bad}`;
}
