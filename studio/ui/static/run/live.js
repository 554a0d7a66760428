// Live: what is painted or set is drawn anew at each pause of the hand, by few steps and beside it. The
// newest wins: what is under way for an older one is cancelled. Nothing of it is stored, until
// somebody keeps the picture that shows.

import { onSource, ready, sourceOf } from "../canvas/sources.js";
import { isSheetOpen, onSheet } from "../control/editor.js";
import { acting, lacks, onUnits } from "../control/units.js";
import { asked, onChange, value } from "../settings/form.js";
import { allPresets, lookForPresets } from "../settings/presets.js";
import { address, checkpointNamed } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { live, offersLive, toggleLive } from "../shared/live.js";
import * as pictures from "../shared/pictures.js";
import { ask, send } from "../shared/server.js";
import { read, write } from "../shared/store.js";
import { isShown, onTab } from "../shared/tabs.js";
import { onTask, task } from "../shared/task.js";
import { onView, showView, view } from "../shared/views.js";
import { duration } from "../shared/words.js";
import { fitting, lightened, lorasIn } from "./live_preset.js";
import { cancel } from "./queue_jobs.js";

const REST_MS = 250;
const AUTOMATIC = "";
const AS_THE_PAGE = "page"; // no preset may be called so: it would be the same
const SEEDS = 2 ** 32;

/** What shows it; `session` keeps the pictures that came. */
export function livePane(element, session) {
  new Live(element, session.viewer);
}

class Live {
  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.frame = root.querySelector(".live-frame");
    this.said = root.querySelector(".live-said");
    this.time = root.querySelector(".live-time");
    this.menu = root.querySelector(".live-preset");
    this.keepButton = root.querySelector("[data-action=live-keep]");
    this.sheet = document.querySelector("dialog.control-editor");
    this.switches = [...document.querySelectorAll(".live-switch")];
    this.seed = anySeed();
    this.timer = 0;
    this.asking = 0; // the newest look at the page
    this.wish = 0; // the newest request
    this.sent = ""; // it, as text
    this.job = null; // its id, while it is under way
    this.waiting = new AbortController();
    this.picture = null; // that shows
    this.bind();
  }

  bind() {
    for (const button of this.switches) button.addEventListener("click", toggleLive);
    this.keepButton.addEventListener("click", () => this.keep());
    this.root.querySelector("[data-action=live-seed]").addEventListener("click", () => {
      this.seed = anySeed();
      this.soon();
    });
    this.menu.addEventListener("change", () => {
      write("live_preset", this.menu.value);
      this.soon();
    });
    live.on(() => this.switched());
    const soon = () => this.soon();
    for (const on of [onChange, onSource, onUnits]) on(soon);
    const turned = () => this.turned();
    for (const on of [onTask, onTab, onView, onSheet]) on(turned);
    document.addEventListener("visibilitychange", turned);
  }

  async switched() {
    for (const button of this.switches) button.setAttribute("aria-checked", String(live.value));
    this.sent = "";
    if (live.value && !isSheetOpen()) showView("source");
    this.turned();
    if (!live.value) return;
    await lookForPresets();
    this.showPresets();
  }

  /** What the picture is drawn beside; null where nothing is. */
  get place() {
    if (!live.value || !offersLive()) return null;
    if (isSheetOpen()) return this.sheet;
    if (view() !== "source") return null;
    const name = isShown("controlnet") ? "controlnet" : task();
    return document.querySelector(`.source.${name}`);
  }

  /** Something else is in sight. */
  turned() {
    const { place } = this;
    this.root.hidden = place === null;
    if (place && this.root.parentElement !== place) {
      this.root.parentElement.classList.remove("with-live");
      place.append(this.root);
    }
    this.root.parentElement.classList.toggle("with-live", place !== null);
    if (place && !document.hidden) {
      this.showPresets();
      this.soon();
    } else this.rest();
  }

  /** Nothing is drawn while nobody sees it. */
  rest() {
    clearTimeout(this.timer);
    this.asking += 1;
    this.withdraw();
  }

  /** What is under way for an older wish ends within a step. */
  withdraw() {
    this.wish += 1;
    if (this.job === null) return;
    cancel(this.job).catch(() => {}); // or it ends by itself, unseen
    this.job = null;
    this.sent = "";
    this.waiting.abort();
    this.root.classList.remove("drawing");
  }

  soon() {
    if (!this.place || document.hidden) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (document.body.classList.contains("at-work")) this.soon();
      else this.draw();
    }, REST_MS);
  }

  async draw() {
    this.asking += 1;
    const { asking } = this;
    const isLate = () => asking !== this.asking;
    const lack = lackOf();
    if (lack) {
      this.withdraw();
      this.say(lack);
      return;
    }
    try {
      const settings = asked();
      const begins = task() === "image_to_image" ? await ready(task()) : {};
      if (isLate()) return;
      const request = { ...settings, task: { ...settings.task, ...begins } };
      await this.send(lightened(request, this.preset(), this.seed));
    } catch (error) {
      if (!isLate()) this.fail(error.message);
    }
  }

  async send(request) {
    const text = JSON.stringify(request);
    if (text === this.sent) return; // it is drawn, or about to be
    this.withdraw();
    this.sent = text;
    const { wish } = this;
    const isLate = () => wish !== this.wish;
    const began = performance.now();
    this.root.classList.add("drawing");
    try {
      const { id } = await send("POST", "studio/v1/jobs?keep=false", request);
      if (isLate()) {
        cancel(id).catch(() => {});
        return;
      }
      this.job = id;
      this.waiting = new AbortController();
      const end = await endOf(id, this.waiting.signal);
      if (isLate()) return;
      this.job = null;
      if (end.type === "failed") this.fail(end.message);
      else if (end.type !== "finished") this.fail("Stopped.");
      else if (await this.show(end.images[0], isLate)) {
        this.say(end.images[0].warnings.join(" "));
        this.time.textContent = duration((performance.now() - began) / 1000);
      }
    } catch (error) {
      if (!isLate()) this.fail(error.message);
    } finally {
      if (!isLate()) this.root.classList.remove("drawing");
    }
  }

  /** Put it into the place of the one before, once it can be seen. */
  async show(picture, isLate) {
    const image = make("img", { src: address(picture.url), alt: "Live picture", draggable: false });
    await image.decode().catch(() => {});
    if (isLate()) return false;
    this.frame.replaceChildren(image);
    this.picture = picture;
    this.keepButton.disabled = false;
    return true;
  }

  fail(message) {
    this.sent = "";
    this.job = null;
    this.root.classList.remove("drawing");
    this.say(message);
  }

  /** In place of what was said before; where that is the same nothing is read out. */
  say(words) {
    if (this.said.textContent !== words) this.said.textContent = words;
  }

  async keep() {
    const { id } = this.picture;
    this.keepButton.disabled = true;
    try {
      const kept = await send("POST", `studio/v1/images/${encodeURIComponent(id)}/store`);
      await this.viewer.strip.renew();
      pictures.came.tell([kept.id]);
      this.say("Kept in the library.");
    } catch (error) {
      this.say(error.message);
      this.keepButton.disabled = error.status === 404 || this.picture.id !== id;
    }
  }

  /** The chosen one; null: as the page is set. */
  preset() {
    const chosen = read("live_preset", AUTOMATIC);
    if (chosen === AS_THE_PAGE) return null;
    return allPresets().find(({ name }) => name === chosen) ?? automatic();
  }

  showPresets() {
    const option = (value, textContent) => make("option", { value, textContent });
    const names = allPresets().map(({ name }) => name);
    const chosen = read("live_preset", AUTOMATIC);
    const key = JSON.stringify([names, automatic()?.name]);
    if (key !== this.listed) {
      this.listed = key;
      this.menu.replaceChildren(
        option(AUTOMATIC, automatic() ? `Automatic: ${automatic().name}` : "Automatic"),
        option(AS_THE_PAGE, "As the page is set"),
        ...names.map((name) => option(name, name)),
      );
    }
    this.menu.value = names.includes(chosen) || chosen === AS_THE_PAGE ? chosen : AUTOMATIC;
    if (key !== this.drawnBy) this.soon();
    this.drawnBy = key;
  }
}

const anySeed = () => Math.floor(Math.random() * SEEDS);

/** The preset for the models that are chosen. */
function automatic() {
  const checkpoint = value("checkpoint") ?? "";
  const loras = (value("loras") ?? []).map(({ name }) => name);
  const names = [checkpoint, ...loras, ...lorasIn(value("prompt") ?? "")];
  return fitting(allPresets(), checkpointNamed(checkpoint)?.family, names);
}

/** What is missing, in words; "" for nothing. Here nobody is led to it, as a press on Generate does:
 * whoever paints is about to put it there. */
function lackOf() {
  if (task() === "image_to_image" && !sourceOf(task())) return "Waits for a picture to change.";
  const units = acting();
  if (isShown("controlnet") && !units.length) return "Waits for a picture in a unit, or a drawing.";
  return units.map(lacks).find(Boolean) ?? "";
}

/** The last event of a job, without previews on the way. */
async function endOf(id, signal) {
  const path = `studio/v1/jobs/${encodeURIComponent(id)}/events?previews=false`;
  const text = await (await ask(path, { signal })).text();
  const events = text.split("\n").filter((line) => line.startsWith("data: "));
  return JSON.parse(events.at(-1).slice("data: ".length));
}
