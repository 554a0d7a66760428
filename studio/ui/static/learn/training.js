// Training in the small: what the studio tells of it while it goes on. It ends when the page is left.

import { follow } from "../shared/server.js";
import { onTab } from "../shared/tabs.js";
import { blurredWords, fieldsOf, picked } from "./asking.js";
import { lines } from "./charts.js";
import { draw, loaded } from "./sheets.js";

const SCALE = 1.2; // a loss at the upper edge

export function training(article) {
  const find = (of) => article.querySelector(of);
  const form = find("form.asked");
  const [start, end] = [find("[type=submit]"), find("[data-action=stop]")];
  let going = null;

  async function train() {
    if (going) return;
    going = new AbortController();
    start.disabled = true;
    end.hidden = false;
    find(".objection").textContent = "";
    find(".asking").textContent = "It learns. It stops when you leave this page.";
    try {
      const asked = { ...fieldsOf(form), ...(await picked(find("[name=picture]"))) };
      await follow("studio/v1/learn/training", asked, show, going.signal);
      find(".asking").textContent = "Done.";
    } catch (error) {
      find(".asking").textContent = error.name === "AbortError" ? "Stopped." : "";
      if (error.name !== "AbortError") find(".objection").textContent = error.message;
    } finally {
      going = null;
      start.disabled = false;
      end.hidden = true;
    }
  }

  async function show(shown) {
    draw(find("[data-shows=picture]"), await loaded(shown.picture), 0);
    find(".scene-told").textContent = shown.caption ? `The scene: ${shown.caption}.` : "";
    find(".now").textContent =
      `${shown.steps} steps in ${shown.seconds.toFixed(0)} s, ${shown.parameters} numbers learn. ` +
      `Loss ${shown.losses.at(-1).toFixed(3)}. ${blurredWords(shown)}`;
    const values = shown.losses.map((loss) => Math.min(1, loss / SCALE));
    const series = values.length > 1 ? values : [values[0], values[0]];
    const { svg } = lines([{ values: series, kind: "signal" }], {
      label: `The loss, from ${shown.losses[0].toFixed(2)} to ${shown.losses.at(-1).toFixed(3)}`,
      left: "step 1",
      right: `step ${shown.steps}`,
      top: `loss ${SCALE}`,
    });
    find(".curve").replaceChildren(svg);
    find(".lab").hidden = false;
  }

  const leave = () => going?.abort();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    train();
  });
  end.addEventListener("click", leave);
  onTab(leave);
  article.addEventListener("left", leave);
  return () => {};
}
