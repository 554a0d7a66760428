// From the click on Generate to the picture: submits, follows, stops, reports.

import * as jobs from "./jobs.js";
import { onUnits } from "../control/units.js";
import { address } from "../shared/data.js";
import { health } from "../shared/server.js";
import { cancel, describe, follow } from "./follow.js";
import { expectedResult, resultOf } from "../canvas/sizes.js";
import { collected, put } from "./sending.js";
import { onSource } from "../canvas/sources.js";
import { engineState } from "../shared/status.js";
import { task as current } from "../shared/task.js";
import { showView } from "../shared/views.js";
import { duration, loadingWords, percent, runningWords, waitingWords } from "../shared/words.js";

const NO_ANSWER_MS = 3000;
const MOST_CHECKS = 5;

export class Session {
  /** `trigger()` sends the form to the server, which answers through `answered`. */
  constructor(viewer, trigger) {
    this.viewer = viewer;
    this.trigger = trigger;
    this.following = null;
    this.results = new Map();
    this.pending = 0;
    this.last = Promise.resolve();
    this.asked = null;
    this.sent = []; // called with (job's id, task) after a request was made by hand
    this.ends = []; // called with (job's id, state, pictures) after every job
    this.stopWanted = false;
    this.state = null;
    viewer.onBrowse = () => {
      if (this.following) viewer.recent.showLive(() => this.backToJob());
    };
    document.addEventListener("visibilitychange", () => {
      if (!this.following) document.title = "Latent Studio";
    });
    addEventListener("studio-status", () => {
      if (this.following && this.state?.state === "queued") this.waiting();
    });
    onSource((kind) => this.provided(kind));
    onUnits(() => this.provided(current()));
    jobs.adopt();
    this.next();
  }

  get busy() {
    return this.pending > 0 || this.following !== null;
  }

  async generate() {
    document.activeElement?.dispatchEvent(new Event("change", { bubbles: true }));
    this.pending += 1;
    this.showBusy();
    if (!this.following) this.viewer.state("queued", "Sending");
    const { kind, part } = collected();
    try {
      const task = { kind, ...(part && (await part.catch((error) => this.lacking(error)))) };
      const id = await this.submit(task);
      for (const listener of this.sent) listener(id, task);
    } catch (error) {
      this.refused(error.message);
    }
    this.pending -= 1;
    this.stopWanted &&= this.pending > 0;
    this.showBusy();
  }

  /** Send the form with `task`; one after the other. Comes true with the job's id. */
  submit(task) {
    const sent = this.last.then(() => this.send(task));
    this.last = sent.catch(() => null);
    return sent;
  }

  send(task) {
    showView("result");
    this.expected = expectedResult(task);
    if (!this.following) this.viewer.begin(this.expected);
    put(task);
    return new Promise((resolve, reject) => {
      this.asked = { resolve, reject };
      this.trigger();
      clearTimeout(this.noAnswer);
      this.noAnswer = setTimeout(() => this.checkAnswer(1), NO_ANSWER_MS);
    });
  }

  /** The server took the request, or said why not. */
  answered(answer) {
    if (!answer) return;
    clearTimeout(this.noAnswer);
    const { resolve, reject } = this.asked ?? {};
    this.asked = null;
    if (answer.error) {
      reject?.(new Error(answer.message));
      return;
    }
    if (this.stopWanted) cancel(answer.job).catch(() => null);
    this.stopWanted = false;
    this.take(answer.job, this.expected, answer.request);
    resolve?.(answer.job);
  }

  /** Follow a job of ours that was just queued; `result` {width, height} is what it will make. */
  take(id, result, request) {
    jobs.add(id);
    this.results.set(id, result);
    return this.next(request);
  }

  refused(message) {
    if (!this.following) this.show("failed", message);
    this.viewer.say(message);
  }

  /** Something is missing on the canvas: that is where to go, and once it is there all is well. */
  lacking(error) {
    showView("source");
    this.isLacking = true;
    throw error;
  }

  provided(kind) {
    if (!this.isLacking || kind !== current()) return;
    this.isLacking = false;
    if (!this.busy) this.viewer.state(this.viewer.picture ? "finished" : "empty");
  }

  /** No answer yet: is the server gone, only slow, or did it break over the request? */
  async checkAnswer(count) {
    if (!this.asked) return;
    if (count < MOST_CHECKS && (await health())) {
      this.noAnswer = setTimeout(() => this.checkAnswer(count + 1), NO_ANSWER_MS);
      return;
    }
    const { reject } = this.asked;
    this.asked = null;
    reject(new Error("The studio does not answer. Is it still running? Your settings are kept."));
  }

  /** The button; `clicks` is the event's count: the second of a double click is no Stop. */
  press(clicks) {
    if (!this.busy) this.generate();
    else if (clicks < 2) this.stop();
  }

  /** Stop the running picture at once. */
  stop() {
    if (this.following) {
      this.viewer.status.textContent = "Stopping";
      cancel(this.following).catch(() => {
        this.viewer.status.textContent = "Stop did not reach the studio. Try again.";
      });
    } else if (this.pending > 0) this.stopWanted = true;
  }

  /** Follow the oldest job that is still open. */
  async next(request) {
    const id = jobs.current();
    if (this.following || id === null) {
      this.showBusy();
      return;
    }
    this.following = id;
    this.showBusy();
    const about = request ?? (await describe(id).catch(() => null))?.request;
    if (!this.results.has(id) && about) this.results.set(id, await resultOf(about));
    if (!this.viewer.browsing) {
      this.viewer.begin(this.results.get(id));
      this.viewer.state("queued", "Waiting");
    }
    this.state = null;
    try {
      await follow(id, {
        news: (state, jpeg) => this.news(id, state, jpeg),
        still: () => jobs.touch(),
        lost: () => this.lost(),
        gone: () => this.gone(id),
      });
    } finally {
      jobs.remove(id);
      this.results.delete(id);
      this.following = null;
      this.viewer.recent.showLive(null);
      this.next();
    }
  }

  async news(id, state, jpeg) {
    this.state = state;
    jobs.touch();
    document.body.classList.remove("lost");
    if (state.state === "queued") this.waiting();
    else if (state.state === "loading") this.loading(state);
    else if (state.state === "running") await this.running(state, jpeg);
    else await this.ended(id, state);
  }

  show(name, words, announced = words) {
    if (this.viewer.browsing) {
      document.body.dataset.state = name;
      this.viewer.status.textContent = words;
      return;
    }
    const more = jobs.waiting();
    this.viewer.state(name, more ? `${words} · ${more} more waiting` : words, announced);
    this.viewer.frame.note.textContent = words;
  }

  waiting() {
    this.show("queued", waitingWords(this.state.position, engineState()));
  }

  loading(state) {
    const words = loadingWords(state);
    this.show("loading", words, "Loading");
    this.viewer.frame.progress(state.fraction ?? 0, words);
  }

  async running(state, jpeg) {
    const share = state.total ? state.step / state.total : 0;
    const words = runningWords(state);
    this.show("running", words, "Drawing");
    this.viewer.frame.progress(share, words);
    document.title = `${percent(share)} · Latent Studio`;
    if (jpeg && !this.viewer.browsing) {
      await this.viewer.frame.showPreview(jpeg, `Preview after step ${state.step}`);
      this.viewer.frame.element.dataset.step = state.step;
    }
  }

  async ended(id, state) {
    this.viewer.frame.progress(null);
    document.title = document.hidden ? "Done · Latent Studio" : "Latent Studio";
    const tell = (pictures) => this.ends.forEach((listener) => listener(id, state, pictures));
    if (state.state === "failed") {
      tell([]);
      if (!this.viewer.browsing) this.viewer.frame.wait();
      this.show("failed", state.message);
      return;
    }
    const images = state.images ?? [];
    const about = images.length ? describe(id) : null;
    const shown = images.length && !this.viewer.browsing ? this.early(images[0]) : null;
    const job = await about?.catch(() => null);
    await shown;
    const pictures = (job?.images ?? []).map((one) => ({ ...one, request: job.request }));
    await this.viewer.results(pictures);
    if (state.state === "finished") {
      const done = `Finished in ${duration(state.elapsed_s ?? 0)}`;
      this.show("finished", done, [done, ...(state.warnings ?? [])].join(". "));
    } else this.show("cancelled", stoppedWords(state, images));
    tell(pictures);
  }

  /** The first result is on screen before its settings are fetched. */
  async early(image) {
    const { frame } = this.viewer;
    if (await frame.show(address(image.url), "Picture")) {
      frame.shape(frame.image.naturalWidth, frame.image.naturalHeight);
    }
  }

  backToJob() {
    this.viewer.begin(this.results.get(this.following));
    if (this.state) this.news(this.following, this.state, null);
  }

  lost() {
    document.body.classList.add("lost");
    this.show("queued", "Connection lost. Trying again");
  }

  gone(id) {
    this.viewer.frame.progress(null);
    if (!this.viewer.browsing) this.viewer.frame.wait();
    this.show("failed", "The studio was restarted and no longer knows this job.");
    for (const listener of this.ends) listener(id, { state: "failed" }, []);
  }

  showBusy() {
    dispatchEvent(new Event("studio-busy"));
    document.body.classList.toggle("busy", this.busy);
    const button = document.getElementById("generate");
    if (!button) return;
    button.title = this.busy ? "Esc" : "Ctrl+Enter";
    button.setAttribute("aria-label", this.busy ? "Stop" : "Generate");
  }
}

function stoppedWords(state, images) {
  if (images.length === 0) return "Stopped before anything was drawn";
  return state.total ? `Stopped at step ${state.step} of ${state.total}` : "Stopped";
}
