// Styles: words with a name that are put around the prompts. Several at once, in their order.

import { make } from "../shared/dom.js";
import { menuOf } from "../shared/menu.js";
import { ASKING, openOver, opens } from "../shared/picker.js";
import { get, send } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { field, register, value } from "./form.js";
import { keep } from "./keep.js";

const PLACE = "studio/v1/styles";
const MOST = 20_000;
const SLOT = "{prompt}";

/** What there is, as the studio last said: [{name, prompt, negative_prompt, own, shared, owner}]. */
const known = signal(null);

/** Call `listener()` when other styles are known. */
export const onStyles = known.on;

/** Is it known that there is no such style? */
export const isMissing = (name) => known.value !== null && !styleNamed(name);

export const styleNamed = (name) => (known.value ?? []).find((one) => one.name === name);

async function look() {
  const found = await get(PLACE).catch(() => null);
  if (!found || JSON.stringify(found.styles) === JSON.stringify(known.value)) return false;
  known.value = found.styles;
  return true;
}

/** Words of both prompts, and who keeps it. */
export function aboutStyle({ prompt, negative_prompt: negative, own, owner }) {
  const whose = owner && !own ? `of ${owner}` : own ? "yours" : "";
  const without = negative && `without ${negative}`;
  return [whose, prompt, without].filter(Boolean).join(" · ");
}

export function styles(element, session) {
  const one = register(element, () => {});
  const button = element.querySelector("#styles");
  const toggle = (name) => {
    const has = one.value.includes(name);
    one.set(has ? one.value.filter((each) => each !== name) : [...one.value, name]);
  };
  opens(button, {
    options: () => options(one.value),
    choose: toggle,
    get empty() {
      return known.value ? "There are no styles." : ASKING;
    },
    placeholder: "Search styles",
    before: look,
  });
  const among = (choose) => {
    const own = () => (known.value ?? []).filter((style) => style.own);
    const all = { options: () => own().map(option), choose, before: look };
    openOver(button, {
      ...all,
      empty: "There are no styles of your own.",
      placeholder: "Which one?",
    });
  };
  const { viewer } = session;
  const acts = {
    apply: () => apply(viewer),
    save: () =>
      edit({ name: "", prompt: value("prompt"), negative_prompt: value("negative_prompt") }),
    edit: () => among((name) => edit(styleNamed(name))),
    delete: () => among((name) => remove(styleNamed(name), viewer)),
  };
  const list = element.querySelector(".menu-list");
  menuOf(element.querySelector("[data-action=styles-more]"), list, ({ what }) => acts[what]());
  list.addEventListener("beforetoggle", () => {
    list.querySelector("[data-what=apply]").hidden = one.value.length === 0;
  });
  if (one.value.length) look();
}

const option = (style) => ({ value: style.name, label: style.name, detail: aboutStyle(style) });

/** Those that act come first. */
function options(chosen) {
  const all = known.value ?? [];
  const on = chosen.map(styleNamed).filter(Boolean);
  const off = all.filter(({ name }) => !chosen.includes(name));
  const own = [...off.filter((one) => one.own), ...off.filter((one) => !one.own)];
  return [...on.map((one) => ({ ...option(one), mark: "on" })), ...own.map(option)];
}

/** A prompt in the words of a style, as the studio puts them on. */
function putOn(text, style) {
  if (style.includes(SLOT)) return style.replaceAll(SLOT, () => text);
  if (!style.trim()) return text;
  return [text.trim(), style.trim()].filter(Boolean).join(", ");
}

/** The words of all styles into the prompts, in place of the styles. */
async function apply(viewer) {
  await look();
  const fields = ["prompt", "negative_prompt", "styles"].map((name) => field(name));
  const earlier = fields.map((one) => one.value);
  let [prompt, negative, names] = earlier;
  for (const style of names.map(styleNamed).filter(Boolean)) {
    prompt = putOn(prompt, style.prompt);
    negative = putOn(negative, style.negative_prompt);
    names = names.filter((name) => name !== style.name);
  }
  fields.forEach((one, at) => {
    one.set([prompt, negative, names][at]);
  });
  const words = names.length ? `There is no style ${names.join(", ")}` : "Written into the prompt";
  viewer.offer(words, () => {
    fields.forEach((one, at) => {
      one.set(earlier[at]);
    });
  });
}

const placeOf = (name, shared) =>
  `${PLACE}/${encodeURIComponent(name)}${shared ? "?shared=1" : ""}`;

/** Keep a style, changed or new. */
function edit({ name, prompt, negative_prompt: negative, shared = false }) {
  const area = (words, text) => {
    const box = make("textarea", { rows: 3, value: text, maxLength: MOST, spellcheck: false });
    return { box, label: make("label", { className: "keep-words" }, words, box) };
  };
  const words = area(
    "Prompt. {prompt} stands for what is typed; without it the words follow",
    prompt,
  );
  const without = area("Negative prompt", negative);
  keep({
    title: name ? `Style ${name}` : "Save as a style",
    name,
    shared,
    body: [words.label, without.label],
    save: async (called, isShared) => {
      const sent = { prompt: words.box.value, negative_prompt: without.box.value };
      await send("PUT", placeOf(called, isShared), sent);
      await look();
    },
  });
}

async function remove(style, viewer) {
  try {
    await send("DELETE", placeOf(style.name, false));
  } catch (error) {
    viewer.say(error.message);
    return;
  }
  await look();
  const { name, prompt, negative_prompt: negative, shared } = style;
  viewer.offer(`Style ${name} deleted`, async () => {
    await send("PUT", placeOf(name, shared), { prompt, negative_prompt: negative });
    await look();
  });
}
