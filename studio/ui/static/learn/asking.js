// A page's form, and what the studio answers to it.

import { uploaded } from "../canvas/uploads.js";
import { send } from "../shared/server.js";

/**
 * `show(answer)` is called with what `/studio/v1/learn/NAME` answers to the form of `article`; the
 * answer of this function asks once. `more()` gives further fields.
 * @param {HTMLElement} article
 * @param {(answer: any) => void | Promise<void>} show
 * @param {() => Promise<object>} [more]
 */
export function asking(article, show, more = async () => ({})) {
  const form = article.querySelector("form.asked");
  const status = article.querySelector(".asking");
  const objection = article.querySelector(".look .objection");
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
  const lab = /** @type {HTMLElement} */ (article.querySelector(".lab"));

  async function ask() {
    let said = "";
    objection.textContent = "";
    status.textContent = "The model is at work. It takes some seconds; what is drawn goes on.";
    button.disabled = true;
    try {
      const fields = { ...fieldsOf(form), ...(await more()) };
      const answer = await send("POST", `studio/v1/learn/${article.dataset.name}`, fields);
      await show(answer);
      said = blurredWords(answer);
      lab.hidden = false;
    } catch (error) {
      objection.textContent = error.message;
    } finally {
      status.textContent = said;
      button.disabled = false;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  return ask;
}

/** That its pictures may not be seen; "" where they may. */
export const blurredWords = ({ blurred }) =>
  blurred
    ? "The owner's filter takes one of these pictures for nudity, and errs now and then: all that this page shows of it is blurred."
    : "";

/** What the fields of a form say, by their names; files are left out. */
export function fieldsOf(form) {
  const fields = {};
  for (const one of form.elements) {
    if (!one.name || one.type === "file") continue;
    fields[one.name] = one.type === "number" ? Number(one.value) : one.value;
  }
  return fields;
}

/** The picture that was chosen in a field for files, as a page is asked for it. */
export async function picked(input) {
  return input.files[0] ? { image: (await uploaded(input.files[0])).image } : {};
}
