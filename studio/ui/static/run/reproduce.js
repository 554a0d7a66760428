// A picture drawn again from its own record: the dialog that waits for it, and shows the receipt.

import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { get, pause, send } from "../shared/server.js";

const POLL_MS = 400;
const UNDER_WAY = { queued: "Waits in the queue", loading: "Loads", running: "Is being drawn" };

let dialog = null;
let asked = 0; // of several that were asked for the last is shown

const part = (name) => dialog.querySelector(`.reproduce-${name}`);
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

/** Draw `picture` again, and show what came of it. */
export async function reproduce(picture) {
  asked += 1;
  const own = asked;
  part("pictures").hidden = true;
  part("words").replaceChildren();
  say("Is being asked for");
  dialog.showModal();
  try {
    const { id } = await send("POST", path(picture, "reproduce"));
    const place = path(picture, `receipt?job=${encodeURIComponent(id)}`);
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
