// How often a press on Generate draws: several batches, or again and again until somebody stops it.

import * as pictures from "../shared/pictures.js";
import { send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";

const MOST = 100;
const kept = read("repeat", { count: 1, sheet: false });
const count = signal(kept.count);

/** How many batches the next press on Generate draws. */
export const batchesWanted = () => count.value;

/** Call `listener()` when it is another number. */
export const onBatches = count.on;

export function repeat(root, session) {
  const field = (name) => root.querySelector(`[name=${name}]`);
  const keep = () => write("repeat", { count: count.value, sheet: field("sheet").checked });
  field("count").value = count.value;
  field("sheet").checked = kept.sheet;
  field("count").addEventListener("change", ({ target }) => {
    count.value = Math.min(MOST, Math.max(1, Math.round(Number(target.value)) || 1));
    target.value = count.value;
    keep();
  });
  field("sheet").addEventListener("change", keep);
  sheets(field("sheet"), session);
  forEver(field("forever"), session);
}

/** Once all that one press asked for is drawn, its pictures are kept on one sheet too. */
function sheets(box, session) {
  const presses = []; // {left: ids of jobs, images: ids}
  session.sent.on(({ ids }) => {
    if (box.checked) presses.push({ left: new Set(ids), images: [] });
  });
  session.ends.on(async ({ id, pictures: drawn }) => {
    const press = presses.find(({ left }) => left.delete(id));
    if (!press) return;
    press.images.push(...drawn.map((picture) => picture.id));
    if (press.left.size > 0) return;
    presses.splice(presses.indexOf(press), 1);
    if (press.images.length < 2) return;
    try {
      const sheet = await send("POST", "studio/v1/images/sheet", { ids: press.images });
      await session.viewer.strip.renew();
      pictures.came.tell([sheet.id]);
      session.viewer.say("The grid of the batch is kept");
    } catch (error) {
      session.viewer.say(`The grid of the batch was not kept: ${error.message}`);
    }
  });
}

/** While the box is ticked, the end of a press is the next one, with the settings of that moment and
 * a new seed. One job of ours waits at a time, so nobody else waits longer than for that. */
function forEver(box, session) {
  let last = null; // the last job of the press that is under way
  const end = () => {
    box.checked = false;
    last = null;
  };
  session.sent.on(({ ids }) => {
    last = ids.at(-1);
  });
  session.stops.on(end);
  session.ends.on(async ({ id, state }) => {
    if (id !== last) return;
    last = null;
    if (!box.checked) return;
    if (state.state !== "finished") {
      end();
      return;
    }
    try {
      await session.pressAgain({ seed: -1, variation_seed: null });
    } catch (error) {
      end();
      session.refused(error.message);
    }
  });
}
