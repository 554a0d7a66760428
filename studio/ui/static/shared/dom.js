// Elements made by hand. Text is always set as text.

/** An element; of `set`, names with a dash and `role` are attributes, "on…" listeners, the rest
 * properties. */
export function make(tag, set = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "role" || name === "for" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An icon that the page's markup holds in its `<template>` of icons. */
export function icon(name) {
  const store = document.querySelector("template.icons");
  const found = store?.content.querySelector(`[data-icon=${name}]`)?.firstElementChild;
  return found ? found.cloneNode(true) : document.createElement("span");
}

export function iconButton(name, label, act) {
  return make(
    "button",
    { type: "button", className: "icon-button", title: label, "aria-label": label, onclick: act },
    icon(name),
  );
}
