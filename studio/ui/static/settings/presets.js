// Presets: settings with a name. One acts at a time; taken off, what nobody changed since goes back
// to what it was.

import { checkpointNamed } from "../shared/data.js";
import { make } from "../shared/dom.js";
import { menuOf } from "../shared/menu.js";
import { ASKING, openOver, opens } from "../shared/picker.js";
import { get, send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { read, write } from "../shared/store.js";
import {
  anyChanged,
  asked,
  field,
  names,
  onChange,
  planned,
  recover,
  same,
  snapshot,
  value,
} from "./form.js";
import { keep } from "./keep.js";
import { titleOf, wordsOf } from "./value_words.js";

const PLACE = "studio/v1/presets";
/** What is not kept: it is drawn anew, or needs a picture. */
const NEVER = ["prompt", "negative_prompt", "controls"];
/** Whether they still are as they were set cannot be told: pictures come to them. */
const UNITS = "controls";
const SELDOM = ["checkpoint", "seed", "variation_seed", "batch_size", "styles"];

let known = null; // what there is, as the studio last said
/** What acts: {name, set: {field: value}, before: {field: value}}; null for none. */
const active = signal(read("preset", null));
active.on(() => write("preset", active.value));

/** Call `listener()` when a preset comes or goes. Whether it changed since, `onChange` tells. */
export const onPreset = active.on;

/** {name, changed} of the preset that acts: the titles of what is set to something else since. Null
 * where nothing is left of it. */
export function preset() {
  if (!active.value) return null;
  const { name, set } = active.value;
  const fields = Object.keys(set).filter(field);
  const changed = fields.filter((one) => !same(value(one), set[one]));
  return changed.length < fields.length ? { name, changed: changed.map(titleOf) } : null;
}

/** Give the earlier values back, except to what was changed since. */
export function takeOff() {
  const { set, before } = active.value;
  active.value = null;
  for (const [name, next] of Object.entries(before))
    if (name === UNITS || (field(name) && same(value(name), set[name]))) field(name).set(next);
}

/** Ask the studio which there are; true where these are others than before. */
export async function lookForPresets() {
  const found = await get(PLACE).catch(() => null);
  if (!found || same(found.presets, known)) return false;
  known = found.presets;
  return true;
}

/** What there is, as the studio last said. */
export const allPresets = () => known ?? [];
const named = (name) => allPresets().find((one) => one.name === name);

/** The name of the preset that a page begins with, where nothing was set yet; null: with none. */
export const defaultPreset = () => read("default_preset", null);

export function setDefaultPreset(name) {
  write("default_preset", name);
  if (!anyChanged()) putDefaultPreset();
}

/** Let it act; the answer takes that back. Null where there is none. */
export function putDefaultPreset() {
  const one = named(defaultPreset());
  if (!one) return null;
  const before = active.value;
  active.value = null; // what it set is gone, or about to be
  put(one);
  return () => {
    active.value = before;
  };
}

/** Where nobody has set anything a page begins with it. */
async function begin() {
  if (!defaultPreset()) return;
  await lookForPresets();
  if (!active.value && !anyChanged()) putDefaultPreset();
}

export function presets(element, session) {
  const { viewer } = session;
  const button = element.querySelector("#presets");
  const show = () => {
    const now = preset();
    const words = now?.changed.length ? `${now.name}, changed` : now?.name;
    element.querySelector("#presets-value").textContent = words ?? "None";
    button.title = now ? changedWords(now) : "";
  };
  onPreset(show);
  onChange(show);
  show();
  begin();
  opens(button, {
    options,
    choose: (name) => apply(named(name), viewer),
    current: () => preset()?.name,
    get empty() {
      return known ? "There are no presets." : ASKING;
    },
    placeholder: "Search presets",
    before: lookForPresets,
  });
  const acts = {
    save: () => save(),
    off: () => offered(viewer, takeOff, (name) => `Preset ${name} taken off`),
    delete: () =>
      openOver(button, {
        options: () =>
          allPresets()
            .filter((one) => one.own)
            .map(option),
        choose: (name) => remove(named(name), viewer),
        before: lookForPresets,
        empty: "There are no presets of your own.",
        placeholder: "Which one?",
      }),
  };
  const list = element.querySelector(".menu-list");
  menuOf(element.querySelector("[data-action=presets-more]"), list, ({ what }) => acts[what]());
  list.addEventListener("beforetoggle", () => {
    list.querySelector("[data-what=off]").hidden = !preset();
  });
}

/** "Steps changed since", in full. */
export const changedWords = ({ changed }) =>
  changed.length ? `Changed since: ${changed.join(", ")}` : "";

/** Own ones first, then those for the checkpoint's family, for any, for others. */
function options() {
  const family = checkpointNamed(value("checkpoint"))?.family;
  const rank = (one) => (one.own ? 0 : one.family === family ? 1 : one.family ? 3 : 2);
  const sorted = allPresets()
    .map((one) => ({ ...one, rank: rank(one) }))
    .sort((a, b) => a.rank - b.rank);
  return sorted.map(option);
}

function option(one) {
  const { name, own, owner, rank } = one;
  const whose = owner && !own ? `of ${owner}` : own ? "yours" : "";
  const of = rank === 3 ? `for other models, ${one.family}` : "";
  const changes = planned(one.request)
    .filter(([name, next]) => field(name).isShown && !same(value(name), next))
    .map(
      ([name, next]) => `${titleOf(name)} ${wordsOf(name, value(name))} → ${wordsOf(name, next)}`,
    );
  const words = changes.join(", ") || "as it is now";
  return { value: name, label: name, detail: [whose, of, words].filter(Boolean).join(" · ") };
}

/** `act()`, told with the way back. */
function offered(viewer, act, words) {
  const earlier = snapshot();
  const before = active.value;
  act();
  viewer.offer(words(active.value?.name ?? before?.name), () => {
    recover(earlier);
    active.value = before;
  });
}

function apply(one, viewer) {
  offered(
    viewer,
    () => put(one),
    (name) => `Preset ${name}`,
  );
}

function put(one) {
  if (active.value) takeOff(); // what it changed is no basis
  const plan = planned(one.request);
  const before = Object.fromEntries(plan.map(([name]) => [name, value(name)]));
  for (const [name, next] of plan) field(name).set(next);
  const set = Object.fromEntries(plan.filter(([name]) => name !== UNITS));
  active.value = { name: one.name, set, before };
}

const placeOf = (name, shared) =>
  `${PLACE}/${encodeURIComponent(name)}${shared ? "?shared=1" : ""}`;

/** Choose what is kept: what differs from the defaults is ticked, and comes first. */
function save() {
  const request = asked();
  const now = preset();
  const own = now && named(now.name)?.own ? named(now.name) : null;
  const ticks = Object.keys(request)
    .filter((name) => name !== "task" && !NEVER.includes(name) && request[name] !== null)
    .map((name) => tick(name, request[name]));
  ticks.sort((a, b) => Number(b.box.checked) - Number(a.box.checked));
  const list = { className: "keep-ticks", role: "group", "aria-label": "What it sets" };
  keep({
    title: "Save as preset",
    name: own?.name ?? "",
    shared: own?.shared ?? false,
    body: [make("div", list, ...ticks.map(({ label }) => label))],
    save: async (name, shared) => {
      const chosen = ticks.filter(({ box }) => box.checked);
      if (!chosen.length) throw new Error("Tick at least one setting.");
      const kept = Object.fromEntries(chosen.map(({ box }) => [box.value, request[box.value]]));
      if (kept.detailers) kept.detailers = kept.detailers.map((one) => ({ ...one, only: [] }));
      await send("PUT", placeOf(name, shared), kept);
      await lookForPresets();
    },
  });
}

function tick(name, value) {
  const differs = names(name).some((each) => field(each).isChanged);
  const checked = differs && !SELDOM.includes(name);
  const isRecord = typeof value === "object" && !Array.isArray(value);
  const box = make("input", { type: "checkbox", value: name, checked });
  const title = make("span", { textContent: titleOf(isRecord ? names(name)[0] : name) });
  const words = make("b", { textContent: isRecord ? "on" : wordsOf(name, value) });
  return { box, label: make("label", {}, box, title, words) };
}

async function remove(one, viewer) {
  try {
    await send("DELETE", placeOf(one.name, false));
  } catch (error) {
    viewer.say(error.message);
    return;
  }
  await lookForPresets();
  viewer.offer(`Preset ${one.name} deleted`, async () => {
    await send("PUT", placeOf(one.name, one.shared), one.request);
    await lookForPresets();
  });
}
