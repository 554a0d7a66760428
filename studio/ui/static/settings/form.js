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

export const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** The fields that set `name` of a request: several where that is a record. */
export const names = (name) =>
  [...fields.values()]
    .filter((one) => (one.facts.place[0] || one.name) === name)
    .map((one) => one.name);

/** Call `listener(name)` after every change of a value or default. */
export const onChange = changes.on;

/** All settings as their defaults are; the answer brings back what they were. */
export function resetAll() {
  const earlier = snapshot();
  for (const one of fields.values()) if (one.counts) one.reset();
  return () => recover(earlier);
}

/** The values of all fields as they are, to be handed to `recover` later. */
export const snapshot = () => new Map([...fields.values()].map(({ name, value }) => [name, value]));

export function recover(values) {
  for (const name of inOrder()) {
    const one = fields.get(name);
    if (one && !same(one.value, values.get(name))) one.set(values.get(name));
  }
}

/** The checkpoint first: it brings defaults. */
const inOrder = () => new Set(["checkpoint", ...fields.keys()]);

/** The values of all fields as a request; its task has what fields set of it, not the pictures. */
export function asked() {
  const request = { task: { kind: task() } };
  for (const { name, facts, value, isShown } of fields.values()) {
    if (facts.place[0]) continue;
    if (isShown) (facts.of_task ? request.task : request)[name] = value;
  }
  request.hires = value("hires") && field("hires").isShown ? record("hires") : null;
  const refines = value("refiner_checkpoint") && field("refiner_checkpoint").isShown;
  request.refiner = refines ? record("refiner") : null;
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

/**
 * What `request` makes of the fields, in the order in which they are to be set: [name, value] of each
 * that it speaks of. What it leaves open is left open, where a field can be.
 * of.whole  what it does not say of the settings goes back to its default
 * of.kind   the task in which it will stand
 */
export function planned(request, { whole = false, kind = task() } = {}) {
  const known = { ...request.task, ...request, ...ofRecords(request) };
  const family = defaults(known.checkpoint ?? value("checkpoint"));
  const plan = [];
  for (const name of inOrder()) {
    const one = fields.get(name);
    const next = known[name];
    if (!one) continue;
    if (next !== undefined && !(next === null && one.declared !== null)) plan.push([name, next]);
    else if (whole && next === undefined && name !== "checkpoint" && one.isOf(kind))
      plan.push([name, defaultOf(one, family, kind)]);
  }
  return plan;
}

/** Put a whole request back into the form, as `planned` says. */
export function restore(request, of) {
  for (const [name, value] of planned(request, of)) fields.get(name).set(value);
}

class Field {
  /** `show(value)` displays a value in the control. */
  constructor(element, show, allows) {
    this.name = element.dataset.field;
    this.element = element;
    this.facts = data.fields[this.name];
    this.show = show;
    this.allows = allows;
    this.isSetting = !["prompt", "negative_prompt", "styles", "checkpoint"].includes(this.name);
    this.declared = this.facts.default;
    this.value = this.declared;
    this.turn();
  }

  /** What its control is called; one that fills its group as that. */
  get title() {
    const label = this.element.querySelector(`label[for="${this.name}"]`);
    return label?.textContent ?? this.element.closest(".group").dataset.group;
  }

  /** Does the present task have this field? */
  get isShown() {
    return this.isOf(task());
  }

  /** Does the task `kind` have it? */
  isOf(kind) {
    return this.facts.kinds.length === 0 || this.facts.kinds.includes(kind);
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
function defaultOf(one, family, kind = task()) {
  const own = one.facts.defaults;
  return kind in own ? own[kind] : (family[one.name] ?? one.declared);
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
function defaults(chosen = value("checkpoint") ?? stored.checkpoint) {
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
