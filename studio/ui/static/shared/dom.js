// Elements made by hand. Text is always set as text.

/** An element; of `set`, names with a dash and `role` are attributes, "on…" listeners, the rest
 * properties. */
export function make(tag, set = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "role" || name === "for" || name.includes("-"))
      element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * What the page's `<template>` of the class `name` holds, anew.
 * @param {string} name
 */
export function copyOf(name) {
  return copied(templateOf(name).content.firstElementChild);
}

const templateOf = (name) =>
  /** @type {HTMLTemplateElement} */ (document.querySelector(`template.${name}`));

const copied = (/** @type {Element} */ element) =>
  /** @type {HTMLElement} */ (element.cloneNode(true));

/** An icon that the page's markup holds in its `<template>` of icons. */
export function icon(name) {
  const found = templateOf("icons").content.querySelector(`[data-icon=${name}]`)?.firstElementChild;
  return found ? copied(found) : document.createElement("span");
}

/**
 * The element that an event came from.
 * @param {Event} event
 */
export const targetOf = (event) => /** @type {HTMLElement} */ (event.target);

export function iconButton(name, label, act) {
  return make(
    "button",
    { type: "button", className: "icon-button", title: label, "aria-label": label, onclick: act },
    icon(name),
  );
}
