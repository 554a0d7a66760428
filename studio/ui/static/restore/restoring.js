// Settings out of anything: what is dropped or pasted on the page, or chosen, shows what it says,
// and comes into the form where that is wanted.

import { arrivals, uploaded } from "../canvas/uploads.js";
import { accept, backTo, working } from "../canvas/working.js";
import { targetOf } from "../shared/dom.js";
import { carried, carries } from "../shared/pictures.js";
import { ask } from "../shared/server.js";
import { onTab } from "../shared/tabs.js";
import { EDITING, showTask } from "../shared/task.js";
import { showView } from "../shared/views.js";
import { looksLikeSettings, refusal } from "./looks.js";
import { Offer } from "./offer.js";
import { hasSettings, read, wanted } from "./reading.js";
import { count, SOURCES, summary } from "./reading_words.js";
import { Report } from "./report.js";
import { goBack, set, whereNow } from "./take_up.js";

const MOST_LOST = 3;

export function restoring(dialog, session) {
  const { viewer } = session;
  const take = (reading, what = "all") => {
    const { request, whole } = wanted(reading, what);
    const source = SOURCES[reading.source];
    const lost = reading.missing.map(({ kind, name }) =>
      kind === "image" ? "choose its picture" : `without ${name}`,
    );
    const first = source ? `Settings of ${source} restored` : "Prompt restored";
    const parts = what === "prompts" ? [] : [...new Set(lost)].sort().slice(0, MOST_LOST);
    set(request, viewer.offers, { whole, words: [first, ...parts].join(", ") });
  };
  const report = new Report(dialog, take, (file) =>
    workOn(file, viewer.offers).catch((error) => viewer.say(error.message)),
  );
  const offer = new Offer(dialog.parentElement.querySelector(".restore-offer"), {
    take,
    details: (reading) => report.take(reading),
  });
  onTab(() => offer.withdraw());
  session.sent.on(() => offer.withdraw());
  bindDrops(report);
  bindPastes(report, offer);
  arrivals.on((file) => quietly(file, offer, "This picture carries"));
  for (const button of document.querySelectorAll("[data-action=paste-settings]"))
    button.addEventListener("click", () => report.ask());
}

/** A file that was dropped where no canvas is becomes the picture that is worked on. */
async function workOn(file, offer) {
  const picture = await uploaded(file);
  const from = whereNow();
  const earlier = working();
  accept(picture);
  showTask(EDITING[0]);
  showView("source");
  offer("It is the picture now, for every tool", () => {
    backTo(earlier);
    goBack(from);
  });
}

/** Offer what `what` says, if it says anything; nothing else is told of it. */
async function quietly(what, offer, words) {
  if (typeof what !== "string" && refusal(what)) return;
  offer.withdraw();
  const { turn } = offer;
  const reading = await read(what).catch(() => null);
  if (reading && turn === offer.turn && hasSettings(reading) && reading.understood.length)
    offer.show(
      reading,
      `${words} ${count(reading.understood.length, "setting")}`,
      summary(reading),
    );
}

const isFiles = ({ types }) => types.includes("Files");

const isAsked = () => document.querySelector("dialog:modal:not(.restore)") !== null;

/** What no canvas, unit or library took comes here, so no drop opens a file in place of the page. */
function bindDrops(report) {
  const mark = (isOver) => document.body.classList.toggle("over-settings", isOver);
  const isOurs = (event) =>
    !event.defaultPrevented &&
    (isFiles(event.dataTransfer) ||
      (carries(event.dataTransfer) && targetOf(event).closest("#prompt-bar, #settings, .viewer")));
  addEventListener("dragover", (event) => {
    mark(isOurs(event) && !isAsked());
    if (!isOurs(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = isAsked() ? "none" : "copy";
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
  addEventListener("drop", (event) => {
    mark(false);
    if (!isOurs(event)) return;
    event.preventDefault();
    if (isAsked()) return;
    const picture = carried(event.dataTransfer);
    const { files } = event.dataTransfer;
    if (picture) openKept(report, picture);
    else if (files.length)
      report.open(files[0], files.length > 1 ? `Of ${files.length} files this is the first` : "");
  });
}

/** A picture of the library that was dragged here. */
async function openKept(report, { url }) {
  const file = await ask(url, { cache: "default" }).then((answer) => answer.blob());
  report.open(file);
}

function bindPastes(report, offer) {
  document.addEventListener("paste", (event) => {
    if (event.defaultPrevented || isAsked()) return;
    const text = event.clipboardData.getData("text/plain");
    const [file] = event.clipboardData.files;
    const target = targetOf(event);
    const isWriting = target.matches("input, textarea");
    if (file && !text) {
      event.preventDefault();
      report.open(file);
    } else if (!looksLikeSettings(text) || target.closest("dialog")) return;
    else if (target.id === "prompt") quietly(text, offer, "This text carries");
    else if (!isWriting) report.open(text);
  });
}
