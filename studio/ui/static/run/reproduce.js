// A picture drawn again from its own record: the dialog that waits for it, and shows the receipt.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get, pause, send } from "../shared/server.js";

const POLL_MS = 400;
const UNDER_WAY = { queued: "Waits in the queue", loading: "Loads", running: "Is being drawn" };

const KNOWN = [...Object.keys(UNDER_WAY), "finished"];

let dialog = null;
let asked = 0; // of several that were asked for the last is shown

const part = (name) => dialog.querySelector(`.reproduce-${name}`);
const again = () => dialog.querySelector("[data-action=again]");
const form = () => dialog.querySelector("form").elements;
const path = (picture, rest) => `studio/v1/images/${encodeURIComponent(picture.id)}/${rest}`;

export function reproducing(element) {
  dialog = /** @type {HTMLDialogElement} */ (element);
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => {
    asked += 1;
  });
  form().share.addEventListener("input", showShare);
}

/** Show what came of drawing `picture` again; it is drawn where nothing is known of that. */
export async function reproduce(picture) {
  begin("Is being looked for");
  const own = asked;
  const known = await get(path(picture, "receipt")).catch(() => null);
  if (own !== asked) return;
  if (KNOWN.includes(known?.state)) await follow(picture, own, known.job);
  else await draw(picture);
}

async function draw(picture) {
  begin("Is being asked for");
  const own = asked;
  try {
    const { id } = await send("POST", path(picture, "reproduce"));
    await follow(picture, own, id);
  } catch (error) {
    if (own === asked) say(error.message, true);
  }
}

function begin(words) {
  asked += 1;
  part("pictures").hidden = true;
  part("words").replaceChildren();
  again().hidden = true;
  say(words);
  if (!dialog.open) dialog.showModal();
}

/** Until the job is done, or the dialog was closed. */
async function follow(picture, own, id) {
  const place = path(picture, `receipt?job=${encodeURIComponent(id)}`);
  try {
    for (;;) {
      const receipt = await get(place);
      if (own !== asked) return;
      if (!(receipt.state in UNDER_WAY)) {
        show(picture, id, receipt);
        return;
      }
      say(`${UNDER_WAY[receipt.state]} …`);
      await pause(POLL_MS);
    }
  } catch (error) {
    if (own === asked) say(error.message, true);
  }
}

function show(picture, job, receipt) {
  const [verdict, ...words] = receipt.words;
  again().hidden = false;
  again().onclick = () => draw(picture);
  if (receipt.same === null) {
    say(receipt.message ?? "It was stopped before it was drawn.", true);
    return;
  }
  say(verdict);
  part("words").replaceChildren(...words.map((textContent) => make("li", { textContent })));
  if (receipt.same || receipt.share === null) return;
  const [then, now] = part("frame").querySelectorAll("img");
  const drawn = address(path({ id: receipt.picture }, "").replace(/\/$/, ""));
  const heat = address(path(picture, `receipt/heat-map?job=${encodeURIComponent(job)}`));
  then.src = address(picture.url);
  now.src = drawn;
  form().heat.checked = false;
  form().heat.onchange = () => {
    now.src = form().heat.checked ? heat : drawn;
  };
  part("pictures").hidden = false;
  showShare();
}

function showShare() {
  part("frame").style.setProperty("--share", form().share.valueAsNumber / 100);
}

function say(words, isBad = false) {
  part("verdict").textContent = words;
  part("verdict").classList.toggle("bad", isBad);
}
