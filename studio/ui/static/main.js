// What each part of the page is brought to life by: an element says in `data-part` which of these it
// is handed to.

import { canvas } from "./canvas/canvas.js";
import { controlEditor } from "./control/editor.js";
import { controlStage, controls } from "./control/panel.js";
import { detailers } from "./detail/detailers.js";
import { finding } from "./detail/finding.js";
import { library } from "./library/library.js";
import { picturePage } from "./library/picture.js";
import { catalog } from "./models/catalog.js";
import { lens } from "./prompt/lens.js";
import { restoring } from "./restore/restoring.js";
import { badges } from "./run/badges.js";
import { batch } from "./run/batch.js";
import { combinations } from "./run/combinations.js";
import { exporting } from "./run/export.js";
import { forecast } from "./run/forecast.js";
import { grid } from "./run/grid.js";
import { gridView } from "./run/grid_view.js";
import { bindKeys, skip } from "./run/keys.js";
import { livePane } from "./run/live.js";
import { loop } from "./run/loop.js";
import { matrix } from "./run/matrix.js";
import { notices } from "./run/notice.js";
import { prompts } from "./run/prompts.js";
import { queue } from "./run/queue.js";
import { repeat } from "./run/repeat.js";
import { reproducing } from "./run/reproduce.js";
import { Session } from "./run/session.js";
import { share } from "./run/share.js";
import { stripFold } from "./run/strip.js";
import { variations } from "./run/variations.js";
import { Viewer } from "./run/viewer.js";
import { examples } from "./run/welcome.js";
import { choice } from "./settings/choices.js";
import { menu, phrase, prose, seed, sizes, slider, toggle } from "./settings/fields.js";
import { settingsFold } from "./settings/fold.js";
import { group, isSheetShown, settingsFoot, sheetHead, showSheet } from "./settings/groups.js";
import { loras } from "./settings/loras.js";
import { preferences } from "./settings/preferences.js";
import { presets } from "./settings/presets.js";
import { styles } from "./settings/styles.js";
import { banner } from "./shared/banner.js";
import { bindFull } from "./shared/full.js";
import { later } from "./shared/later.js";
import { takeCommas } from "./shared/number_box.js";
import { picker } from "./shared/picker.js";
import { statusBar } from "./shared/status.js";
import { tabs } from "./shared/tabs.js";
import { bindViews } from "./shared/views.js";

const PARTS = {
  badges,
  banner,
  batch,
  canvas,
  catalog,
  choice,
  combinations,
  controlEditor,
  controlStage,
  controls,
  detailers,
  exporting,
  finding,
  forecast,
  grid,
  gridView,
  group,
  later,
  lens,
  library,
  livePane,
  loop,
  loras,
  matrix,
  menu,
  phrase,
  notices,
  picker,
  picturePage,
  preferences,
  presets,
  prompts,
  prose,
  queue,
  repeat,
  reproducing,
  restoring,
  seed,
  settingsFold,
  settingsFoot,
  share,
  sheetHead,
  sizes,
  skip,
  slider,
  statusBar,
  stripFold,
  styles,
  tabs,
  toggle,
  variations,
};

/** The page's parts in their order, then those that are about all of it. */
function start(root) {
  const viewer = new Viewer(root.querySelector(".viewer"));
  const session = new Session(viewer);
  for (const element of root.querySelectorAll("[data-part]")) {
    PARTS[element.dataset.part](element, session);
  }
  const sheet = root.querySelector(".sheet-button");
  sheet.addEventListener("click", () => showSheet(!isSheetShown()));
  root.querySelector("#generate").addEventListener("click", (event) => session.clicked(event));
  root.querySelector("#stop").addEventListener("click", () => session.stop());
  root.querySelector(".retry").addEventListener("click", () => session.generate());
  examples(viewer, session);
  takeCommas(root);
  bindViews(viewer.root);
  bindKeys(session, viewer);
  bindFull();
  session.begin();
  performance.mark("studio-ready");
}

start(document.getElementById("studio"));
