// The tab Train: pictures with captions, settings, and what comes of them.

import { Choosing } from "../library/choosing.js";
import { Pictures } from "./pictures.js";
import { Runs } from "./runs.js";
import { Settings } from "./settings.js";

/** Bring the tab to life; `session` draws. */
export function open(element, session) {
  const root = element.querySelector(".train");
  const runs = new Runs(root.querySelector(".train-runs"), session);
  const settings = new Settings(root.querySelector(".train-settings"), {
    set: () => pictures.name,
    begun: (training) => runs.show(training),
    resized: () => pictures.look(),
  });
  const library = new Choosing(root.querySelector(".choosing"), (ids) => pictures.take(ids));
  const pictures = new Pictures(root.querySelector(".train-set"), {
    resolution: () => settings.resolution,
    choose: () => library.open(),
  });
  settings.suit().then(() => pictures.begin());
  runs.begin();
}
