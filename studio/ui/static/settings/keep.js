// The dialog in which something gets a name and is kept: a style, a preset.

import { account } from "../shared/status.js";

/**
 * Ask for it. A login also says whether everybody shall have it.
 * of.title   of the dialog
 * of.name    to begin with
 * of.shared  whether everybody has it
 * of.body    elements between the name and the answers
 * of.save    what is done with (name, shared); what it throws is told, and the dialog stays
 */
export function keep({ title, name = "", shared = false, body, save }) {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("dialog.keep"));
  const form = dialog.querySelector("form");
  const box = /** @type {HTMLInputElement} */ (dialog.querySelector(".keep-name input"));
  const choice = /** @type {HTMLElement} */ (dialog.querySelector(".keep-shared"));
  const everybody = choice.querySelector("input");
  const fault = dialog.querySelector(".keep-fault");
  dialog.querySelector("h2").textContent = title;
  box.value = name;
  choice.hidden = account() === null; // a guest's is everybody's
  everybody.checked = shared;
  fault.textContent = "";
  dialog.querySelector(".keep-body").replaceChildren(...body);
  dialog.onkeydown = (event) => event.stopPropagation();
  /** @type {HTMLElement} */ (dialog.querySelector("[data-action=cancel]")).onclick = () =>
    dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await save(box.value.trim(), everybody.checked);
      dialog.close();
    } catch (error) {
      fault.textContent = error.message;
    }
  };
  dialog.showModal();
  box.select();
}
