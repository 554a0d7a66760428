// Of prompts that are many, {a|b} and __wildcards__, each is drawn at one press.

import { expectedResult } from "../canvas/sizes.js";
import { onChange, value } from "../settings/form.js";
import { ask, send } from "../shared/server.js";
import { showView } from "../shared/views.js";

const REST_MS = 400;
const PATH = "studio/v1/jobs/combinations";
const UNASKED = 16;
const MOST = 200; // jobs that may wait at once
const WORDS = ["prompt", "negative_prompt", "styles"];

/** The button under Generate, there while the prompts are several. */
export function combinations(root, session) {
  const button = root.querySelector("button");
  const dialog = root.querySelector("dialog");
  let timer = 0;
  let asking = new AbortController();
  let count = 1;
  const show = (found) => {
    count = found;
    root.hidden = count < 2;
    button.textContent = `Draw all ${count.toLocaleString("en")} combinations`;
    button.disabled = count > MOST;
    button.title = button.disabled ? `At most ${MOST} at once: take some choices out.` : "";
  };
  const look = async () => {
    asking.abort();
    asking = new AbortController();
    const words = {
      prompt: value("prompt"),
      negative_prompt: value("negative_prompt"),
      styles: value("styles"),
    };
    if (!mayBeMany(words)) {
      show(1);
      return;
    }
    const given = { method: "POST", json: words, signal: asking.signal };
    try {
      show((await (await ask(`${PATH}?limit=0`, given)).json()).count);
    } catch (error) {
      if (error.name !== "AbortError") show(1); // what is wrong is said at the press
    }
  };
  onChange((name) => {
    if (!WORDS.includes(name)) return;
    clearTimeout(timer);
    timer = setTimeout(look, REST_MS);
  });
  button.addEventListener("click", async () => {
    if (count > UNASKED && !(await agreed(dialog, count * value("batch_size")))) return;
    button.disabled = true;
    await drawAll(session, count);
    button.disabled = count > MOST;
  });
}

/** What has no choice in it needs no question to the studio. */
const mayBeMany = ({ prompt, negative_prompt: negative, styles }) =>
  styles.length > 0 || /[{]|__/.test(`${prompt} ${negative}`);

function agreed(dialog, pictures) {
  dialog.querySelector("p").textContent = `These are ${pictures} pictures. Draw all of them?`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

/** Each is a job of its own, with the settings of this moment. */
async function drawAll(session, count) {
  try {
    const request = await session.request();
    const result = { ...expectedResult(request.task), request };
    const { jobs } = await send("POST", `${PATH}?limit=${count}`, request);
    showView("result");
    for (const id of jobs) session.take(id, result);
  } catch (error) {
    if (error.isLack) session.lacking();
    session.refused(error.message);
  }
}
