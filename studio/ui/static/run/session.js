// From the click on Generate to the picture: submits, follows, stops, reports.

import { expectedResult, resultOf } from "../canvas/sizes.js";
import { onSource, ready } from "../canvas/sources.js";
import { onUnits, ready as unitsReady } from "../control/units.js";
import { ready as detailersReady } from "../detail/list.js";
import { asked, onChange } from "../settings/form.js";
import { address } from "../shared/data.js";
import { send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { engineState, lookAtStatus, onStatus } from "../shared/status.js";
import { task as current, isEditing } from "../shared/task.js";
import { showView } from "../shared/views.js";
import { duration, loadingWords, percent, runningWords, waitingWords } from "../shared/words.js";
import { consented } from "./consent.js";
import { follow } from "./follow.js";
import { agreed } from "./forecast.js";
import * as jobs from "./jobs.js";
import { cancel, describe, list } from "./queue_jobs.js";
import { mayRetry } from "./queue_words.js";
import { batchesWanted } from "./repeat.js";

/** What the task `kind` begins with, once it is uploaded. Fails with words for people where something
 * lacks, there, in a ControlNet unit or in a detailer. */
async function complete(kind) {
  const begins = isEditing() ? await ready(kind) : {};
  await unitsReady();
  await detailersReady();
  return begins;
}

/** Statuses of what is refused however often it is asked for. */
const REFUSED = [404, 422];
const DONE = ["finished", "cancelled"];

/** Marks what is not there yet, as against what the server refuses. */
const lacking = (error) => {
  throw Object.assign(error, { isLack: true });
};

export class Session {
  constructor(viewer) {
    this.viewer = viewer;
    this.following = null;
    this.results = new Map();
    this.pending = 0;
    this.last = Promise.resolve();
    this.sent = signal(); // tells {ids, request} after a press: its jobs, several where it is batches
    this.stops = signal(); // after somebody wanted to stop
    this.presses = []; // the ids of the jobs of each press, while some are open
    this.takes = signal(); // tells the id of every job that is followed from now on
    this.ends = signal(); // tells {id, state, pictures} after every job
    this.stopWanted = false;
    this.beganIdle = false;
    this.state = null;
    this.told = "";
    viewer.onBrowse = () => {
      if (!this.following) return;
      viewer.strip.showLive(() => this.backToJob());
      viewer.status.textContent = `Meanwhile: ${this.told}`;
    };
    viewer.wordMaps.drawAgain = (request) => this.again(request);
    document.addEventListener("visibilitychange", () => {
      if (!this.following) document.title = "Latent Studio";
    });
    onStatus(() => {
      if (this.following && this.state?.state === "queued") this.waiting();
    });
    onSource((kind) => this.provided(kind));
    onUnits(() => this.provided(current()));
    onChange((name) => name === "detailers" && this.provided(current()));
  }

  /** Take up what was left to be followed; else the last picture is shown. */
  async begin() {
    jobs.adopt();
    this.next();
    await lookAtStatus();
    await this.viewer.openLast(() => this.busy);
  }

  get busy() {
    return this.pending > 0 || this.following !== null;
  }

  async generate() {
    document.activeElement?.dispatchEvent(new Event("change", { bubbles: true }));
    this.pending += 1;
    this.showBusy();
    if (!this.following) this.viewer.state("queued", "Sending");
    try {
      const request = await this.request();
      if (await agreed(request)) await this.press(request);
      else if (!this.following) this.viewer.state(this.viewer.picture ? "finished" : "empty");
    } catch (error) {
      if (error.isLack) this.lacking();
      this.viewer.mayRetry(!error.isLack && !REFUSED.includes(error.status));
      this.refused(error.message);
    }
    this.pending -= 1;
    this.stopWanted &&= this.pending > 0;
    this.showBusy();
  }

  /** One press more, as the form is by now but for `changes`. Fails with words for people. */
  async pressAgain(changes) {
    this.pending += 1;
    this.showBusy();
    try {
      await this.press({ ...(await this.request()), ...changes });
    } finally {
      this.pending -= 1;
      this.stopWanted &&= this.pending > 0;
      this.showBusy();
    }
  }

  /** What a press on Generate asks for, its pictures uploaded. Fails with words for people, and
   * `isLack` where a picture lacks. */
  async request() {
    const settings = asked();
    const begins = await complete(settings.task.kind).catch(lacking);
    return { ...settings, task: { ...settings.task, ...begins } };
  }

  /** Send what was asked for, one request after the other, as often as is wanted. */
  async press(request) {
    const sent = this.last.then(() => this.send(request));
    this.last = sent.catch(() => null);
    this.sent.tell({ ids: await sent, request });
  }

  /** Draw what was drawn before, as `request` says. */
  async again(request) {
    try {
      const expected = { ...(await resultOf(request)), request };
      showView("result");
      if (!this.following) this.viewer.begin(expected);
      const { id } = await send("POST", "studio/v1/jobs", request);
      this.take(id, expected);
    } catch (error) {
      this.refused(error.message);
    }
  }

  async send(request) {
    showView("result");
    const expected = expectedResult(request.task);
    if (!this.following) {
      this.viewer.begin({ ...expected, request });
      this.viewer.stage.follow(request.task);
    }
    const ids = await consented(request, () => jobsOf(request, batchesWanted()));
    this.presses = [...this.presses.filter((one) => one.some(jobs.has)), ids];
    for (const id of ids) {
      if (this.stopWanted) cancel(id).catch(() => null);
      this.take(id, { ...expected, request });
    }
    this.stopWanted = false;
    return ids;
  }

  /** Follow a job of ours that was just queued; `result` {width, height} is what it will make, where
   * that is known. */
  take(id, result) {
    jobs.add(id);
    if (result) this.results.set(id, result);
    this.takes.tell(id);
    return this.next();
  }

  refused(message) {
    if (!this.following) this.show("failed", message);
    this.viewer.say(message);
  }

  /** Something is missing on the canvas: that is where to go, and once it is there all is well. */
  lacking() {
    showView("source");
    this.isLacking = true;
  }

  provided(kind) {
    if (!this.isLacking || kind !== current()) return;
    this.isLacking = false;
    if (!this.busy) this.viewer.state(this.viewer.picture ? "finished" : "empty");
  }

  /** Generate was clicked. Whoever double clicks with a mouse wants one picture, whoever goes on
   * clicking one more each time. */
  clicked({ detail, pointerType }) {
    if (detail === 2 && pointerType === "mouse" && this.beganIdle) return;
    this.beganIdle = !this.busy;
    this.generate();
  }

  /** Stop the running picture at once, and what else the same press asked for. */
  stop() {
    this.stops.tell(null);
    if (this.following) {
      const rest = this.presses.find((one) => one.includes(this.following)) ?? [];
      for (const id of rest.filter((one) => one !== this.following && jobs.has(one))) {
        cancel(id).then(
          () => this.dropped(id),
          () => null,
        );
      }
      this.viewer.status.textContent = "Stopping";
      cancel(this.following).catch(() => {
        this.viewer.status.textContent = "Stop did not reach the studio. Try again.";
      });
    } else if (this.pending > 0) this.stopWanted = true;
  }

  /** A job that waited was cancelled elsewhere on the page. That which is followed tells it itself. */
  dropped(id) {
    if (id === this.following || !jobs.has(id)) return;
    jobs.remove(id);
    this.results.delete(id);
    this.ends.tell({ id, state: { state: "cancelled" }, pictures: [] });
    if (this.state?.state === "queued") this.waiting();
  }

  /** Follow the oldest job that is still open. */
  async next() {
    const id = jobs.current();
    if (this.following || id === null) {
      this.showBusy();
      return;
    }
    this.following = id;
    this.showBusy();
    if (!this.results.has(id)) {
      const about = await describe(id).catch(() => null);
      if (about) {
        const { request } = about;
        this.results.set(id, { ...(await resultOf(request)), request });
      }
    }
    if (!this.viewer.browsing) {
      this.viewer.begin(this.results.get(id));
      this.viewer.state("queued", "Waiting");
    }
    this.state = null;
    this.leaving = new AbortController();
    const on = {
      news: (state, jpeg) => this.news(id, state, jpeg),
      still: () => jobs.touch(),
      lost: () => this.lost(),
      gone: () => this.gone(id),
    };
    let hasEnded = true;
    try {
      hasEnded = await follow(id, on, this.leaving.signal);
    } finally {
      if (hasEnded) {
        jobs.remove(id);
        this.results.delete(id);
      }
      this.following = null;
      this.viewer.strip.showLive(null);
      this.next();
    }
  }

  /** Where another of ours is further on than the one that is followed, that one is followed. */
  async turnToFirst() {
    if (!jobs.waiting()) return;
    const { jobs: found } = await list({ limit: 1, mine: true }).catch(() => ({ jobs: [] }));
    const id = found[0]?.id;
    if (id === this.following || !jobs.has(id) || this.state?.state !== "queued") return;
    jobs.putFirst(id);
    this.leaving.abort();
  }

  async news(id, state, jpeg) {
    this.state = state;
    jobs.touch();
    document.body.classList.remove("lost");
    if (state.state === "queued") {
      this.waiting();
      this.turnToFirst();
    } else if (state.state === "loading") this.loading(state);
    else if (state.state === "running") await this.running(state, jpeg);
    else await this.ended(id, state);
  }

  show(name, words, announced = words) {
    this.told = words;
    if (this.viewer.browsing) {
      document.body.dataset.state = name;
      // The picture that is looked at is another one.
      this.viewer.status.textContent = DONE.includes(name) ? "" : `Meanwhile: ${words}`;
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
    const tell = (pictures) => this.ends.tell({ id, state, pictures });
    if (state.state === "failed") {
      tell([]);
      if (!this.viewer.browsing) this.viewer.frame.wait();
      this.viewer.mayRetry(mayRetry(state));
      this.show("failed", state.message);
      return;
    }
    const images = state.images ?? [];
    const about = images.length ? describe(id) : null;
    const shown = images.length && !this.viewer.browsing ? this.early(images[0]) : null;
    const job = await about?.catch(() => null);
    await shown;
    const pictures = (job?.images ?? []).map((one) => ({ ...one, request: job.request }));
    await this.viewer.results(pictures, this.presses.find((one) => one.includes(id)) ?? null);
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
    this.viewer.mayRetry(true);
    this.show("failed", "The studio knows no such job any more: it was deleted.");
    this.ends.tell({ id, state: { state: "failed" }, pictures: [] });
  }

  showBusy() {
    lookAtStatus();
    document.body.classList.toggle("busy", this.busy);
    const stop = /** @type {HTMLButtonElement} */ (document.getElementById("stop"));
    if (!this.busy && stop === document.activeElement) document.getElementById("generate").focus();
    stop.disabled = !this.busy;
    stop.title = this.busy ? "Esc" : "Nothing runs";
  }
}

/** The ids of the jobs for `count` batches of `request`. */
async function jobsOf(request, count) {
  if (count === 1) return [(await send("POST", "studio/v1/jobs", request)).id];
  return (await send("POST", "studio/v1/jobs/batches", { request, count })).jobs;
}

function stoppedWords(state, images) {
  if (images.length === 0) return "Stopped before anything was drawn";
  return state.total ? `Stopped at step ${state.step} of ${state.total}` : "Stopped";
}
