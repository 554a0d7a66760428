// The values of all fields: their defaults, what the user changed, and that it survives a reload.

import { checkpointNamed, data } from "../shared/data.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";
import { onTask, task } from "../shared/task.js";

const fields = new Map();
const changes = signal();
const stored = read("settings", {});
let saving = 0;

export const field = (name) => fields.get(name);
export const value = (name) => fields.get(name)?.value;
export const anyChanged = () => [...fields.values()].some((one) => one.counts && one.isChanged);

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Call `listener(name)` after every change of a value or default. */
export const onChange = changes.on;

export function resetAll() {
  for (const one of fields.values()) if (one.counts) one.reset();
}

/** The values of all fields as a request; its task has what fields set of it, not the pictures. */
export function asked() {
  const request = { task: { kind: task() } };
  for (const { name, facts, value, isShown } of fields.values()) {
    if (facts.place[0]) continue;
    if (facts.kinds.length === 0) request[name] = value;
    else if (isShown) request.task[name] = value;
  }
  request.hires = value("hires") && field("hires").isShown ? record("hires") : null;
  request.refiner = value("refiner_checkpoint") ? record("refiner") : null;
  return request;
}

/** A record within the request, of the fields that set it. */
function record(part) {
  const own = [...fields.values()].filter(({ facts: { place } }) => place[0] === part && place[1]);
  return Object.fromEntries(own.map((one) => [one.facts.place[1], one.value]));
}

/** What `request` says of the fields that set its records: of none that it does not mention. */
function ofRecords({ hires, refiner }) {
  const flat = {};
  if (hires !== undefined) flat.hires = hires !== null;
  if (refiner === null) flat.refiner_checkpoint = null;
  for (const [part, of] of Object.entries({ hires, refiner })) {
    for (const [name, next] of Object.entries(of ?? {})) flat[`${part}_${name}`] = next;
  }
  return flat;
}

/** Put a whole request back into the form. What it does not say keeps its value; what it leaves
 * open is left open, where a field can be. */
export function restore(request) {
  const order = ["checkpoint", ...fields.keys()];
  const known = { ...request.task, ...request, ...ofRecords(request) };
  for (const name of new Set(order)) {
    const one = fields.get(name);
    const next = known[name];
    if (!one || next === undefined || (next === null && one.declared !== null)) continue;
    one.set(next);
  }
}

class Field {
  /** `show(value)` displays a value in the control. */
  constructor(element, show, allows) {
    this.name = element.dataset.field;
    this.element = element;
    this.facts = data.fields[this.name];
    this.show = show;
    this.allows = allows;
    this.isSetting = !["prompt", "negative_prompt", "checkpoint"].includes(this.name);
    this.declared = this.facts.default;
    this.value = this.declared;
    this.turn();
  }

  /** What its control is called. */
  get title() {
    return this.element.querySelector("label").textContent;
  }

  /** Does the present task have this field? */
  get isShown() {
    return this.facts.kinds.length === 0 || this.facts.kinds.includes(task());
  }

  get counts() {
    return this.isSetting && this.isShown;
  }

  get isChanged() {
    return !same(this.value, this.default);
  }

  set(value) {
    this.value = value;
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

  /** Fit the task: a field with a default of its own there has a value of its own there, too. */
  turn() {
    const key = task() in this.facts.defaults ? `${this.name}@${task()}` : this.name;
    const help = document.getElementById(`${this.name}-help`);
    if (help && this.facts.helps[task()]) help.textContent = this.facts.helps[task()];
    this.element.hidden = !this.isShown;
    if (key === this.key) return;
    if (this.key) keep(this);
    this.key = key;
    this.default = defaultOf(this, defaults());
    const earlier = stored[key];
    this.value = earlier !== undefined && this.allows(earlier) ? earlier : this.default;
  }
}

/** What a field has where nobody changed it; `family` is what the checkpoint brings. */
function defaultOf(one, family) {
  const own = one.facts.defaults;
  return task() in own ? own[task()] : (family[one.name] ?? one.declared);
}

onTask(() => {
  for (const one of fields.values()) {
    one.turn();
    one.set(one.value);
  }
});

/** Make a control a field of the form and give it its first value; `allows(value)` says which
 * of those stored earlier are still possible. */
export function register(element, show, allows = () => true) {
  const one = new Field(element, show, allows);
  fields.set(one.name, one);
  one.element.querySelector("[data-action=reset]")?.addEventListener("click", () => one.reset());
  one.element.querySelector("label")?.addEventListener("dblclick", () => one.reset());
  one.set(one.value);
  document.body.classList.toggle("ready", fields.size === Object.keys(data.fields).length);
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
  changes.tell(one.name);
  clearTimeout(saving);
  saving = setTimeout(save, 200);
}

/** The checkpoint's defaults, in all fields that follow them; the declared ones where it has none. */
function takeDefaults() {
  const own = defaults();
  for (const one of fields.values()) {
    const value = defaultOf(one, own);
    if (one.name !== "checkpoint" && !same(one.default, value)) one.setDefault(value);
  }
}

function keep(one) {
  if (one.isChanged) stored[one.key] = one.value;
  else delete stored[one.key];
}

function save() {
  for (const one of fields.values()) keep(one);
  write("settings", stored);
}

addEventListener("pagehide", save);
