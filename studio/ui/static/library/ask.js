// Short questions of the library, in its dialog.

import { make } from "../shared/dom.js";

let dialog = null;

export function bindAsk(root) {
  dialog = /** @type {HTMLDialogElement} */ (root.querySelector(".library-ask"));
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
}

function open({ title, words = "", answer, isHarm = false }) {
  dialog.setAttribute("aria-label", title);
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = words;
  dialog.querySelector(".ask-answers").replaceChildren(
    make("button", {
      type: "button",
      className: "plain framed",
      textContent: "Cancel",
      onclick: () => dialog.close(""),
    }),
    make("button", {
      className: `primary small${isHarm ? " harm" : ""}`,
      value: "yes",
      textContent: answer,
    }),
  );
  dialog.returnValue = "";
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === "yes");
    dialog.showModal();
  });
}

/** Is it to be done? `answer` are the button's words. */
export function confirm(question) {
  dialog.querySelector(".ask-field").replaceChildren();
  return open({ ...question, isHarm: true });
}

/**
 * What somebody writes, of up to `most` characters; null if it is cancelled.
 * @param {{title: string, words?: string, answer: string, label: string, value?: string,
 *   most: number, isLong?: boolean}} question
 */
export async function write({ label, value = "", most, isLong = false, ...question }) {
  const box = isLong
    ? make("textarea", { rows: 5 })
    : make("input", { type: "text", required: true });
  Object.assign(box, { value, maxLength: most, spellcheck: isLong });
  box.setAttribute("aria-label", label);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) box.form.requestSubmit();
  });
  dialog.querySelector(".ask-field").replaceChildren(box);
  return (await open(question)) ? box.value.trim() : null;
}
