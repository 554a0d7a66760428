// The values of all fields: their defaults, what the user changed, and that it survives a reload.

import { checkpointNamed, data } from "./data.js";
import { read, write } from "./store.js";

const fields = new Map();
const listeners = new Set();
const stored = read("settings", {});
let saving = 0;

export const field = (name) => fields.get(name);
export const value = (name) => fields.get(name)?.value;
export const anyChanged = () => [...fields.values()].some((one) => one.isSetting && one.isChanged);

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Call `listener(name)` after every change of a value or default. */
export function onChange(listener) {
  listeners.add(listener);
}

export function resetAll() {
  for (const one of fields.values()) if (one.isSetting) one.reset();
}

/** Put a whole request back into the form. What it does not say keeps its value; what it leaves
 * open is left open, where a field can be. */
export function restore(request) {
  const order = ["checkpoint", ...fields.keys()];
  for (const name of new Set(order)) {
    const one = fields.get(name);
    const said = request[name];
    if (!one || said === undefined || (said === null && one.declared !== null)) continue;
    one.set(said);
  }
}

class Field {
  /** `show(value)` displays a value in the control. */
  constructor(element, props, show) {
    this.name = props.field;
    this.element = element.querySelector("[data-field]");
    this.props = props;
    this.show = show;
    this.isSetting = !["prompt", "negative_prompt", "checkpoint"].includes(this.name);
    this.declared = this.value;
    this.default = defaults()[this.name] ?? this.declared;
  }

  get value() {
    const { value, optional } = this.props;
    return optional && value === "" ? null : value; // Gradio makes "" of null
  }

  get isChanged() {
    return !same(this.value, this.default);
  }

  set(value) {
    this.props.value = value;
    this.show(value);
    announce(this);
  }

  setDefault(value) {
    const follows = !this.isChanged;
    this.default = value;
    if (follows) this.set(value);
    else announce(this);
  }

  reset() {
    this.set(this.default);
  }
}

/** Make a control a field of the form and give it its first value; `allows(value)` says which
 * of those stored earlier are still possible. */
export function register(element, props, show, allows = () => true) {
  const one = new Field(element, props, show);
  fields.set(one.name, one);
  one.element.querySelector("[data-action=reset]")?.addEventListener("click", () => one.reset());
  one.element.querySelector("label")?.addEventListener("dblclick", () => one.reset());
  const earlier = stored[one.name];
  one.set(earlier !== undefined && allows(earlier) ? earlier : one.default);
  const all = document.querySelectorAll("[data-field]").length;
  document.body.classList.toggle("ready", fields.size === all);
  return one;
}

/** What the family of the chosen checkpoint brings. */
function defaults() {
  const chosen = value("checkpoint") ?? stored.checkpoint;
  const ref = checkpointNamed(chosen) ?? checkpointNamed(data.default_checkpoint);
  const checkpoint = data.default_checkpoint;
  return { ...ref?.defaults, ...(checkpoint ? { checkpoint } : {}) };
}

function announce(one) {
  one.element.classList.toggle("changed", one.isSetting && one.isChanged);
  if (one.name === "checkpoint") takeDefaults();
  for (const listener of listeners) listener(one.name);
  clearTimeout(saving);
  saving = setTimeout(save, 200);
}

/** The checkpoint's defaults, in all fields that follow them; the declared ones where it has none. */
function takeDefaults() {
  const own = defaults();
  for (const one of fields.values()) {
    const value = own[one.name] ?? one.declared;
    if (one.name !== "checkpoint" && !same(one.default, value)) one.setDefault(value);
  }
}

function save() {
  for (const one of fields.values()) {
    if (one.isChanged) stored[one.name] = one.value;
    else delete stored[one.name];
  }
  write("settings", stored);
}

addEventListener("pagehide", save);
