// The lens under the prompt: how long it is, what it names, and what of it is not understood.

import { field, onChange, value } from "../settings/form.js";
import { make } from "../shared/dom.js";
import { onModels } from "../shared/models.js";
import { send } from "../shared/server.js";
import { Completing, completingWanted } from "./completing.js";
import { History } from "./history.js";
import { bindKeys } from "./keys.js";
import { countWords, inOneLine, pictureWords, remarks } from "./lens_words.js";
import { placed } from "./marks.js";
import { Mirror } from "./mirror.js";
import { Named } from "./named.js";
import { newest } from "./newest.js";
import { panel, under } from "./popover.js";

/** After the last key; shorter than anybody waits for, longer than between two keys of a burst. */
const PAUSE_MS = 25;
/** A screen reader is told once nobody types. */
const QUIET_MS = 1200;
/** After so long it is asked again while the studio starts and does not count yet. */
const STARTING_MS = 1500;
const OPEN = ["prompt", "negative_prompt", "checkpoint", "steps", "prompt_dialect"];
const LORAS = "loras";
const UNKNOWN = ["unknown", "lora", "lyco", "hypernet", "wildcard"];

export function lens(root, session) {
  const areas = ["prompt", "negative_prompt"].map((id) => document.getElementById(id));
  const mirrors = areas.map((area) => new Mirror(area));
  const history = new History(root.querySelector(".history"), areas, session);
  areas.forEach((area, place) => {
    bindKeys(area, history);
    new Completing(area, mirrors[place], root.querySelector(".completing-says"));
  });
  completingWanted(root.querySelector(".completing-wanted"));
  new Lens(root, areas, mirrors);
}

/** Text where it is another one. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

class Lens {
  constructor(root, areas, mirrors) {
    this.areas = areas;
    this.mirrors = mirrors;
    this.named = new Named(root.querySelector(".lens-badges"), areas[0]);
    this.says = root.querySelector(".lens-says");
    this.pictures = root.querySelector(".lens-pictures");
    this.count = root.querySelector(".lens-count");
    this.all = root.querySelector(".lens-remarks");
    this.live = root.querySelector(".lens-live");
    this.negative = make("span", { className: "negative-count", title: "Tokens" });
    areas[1].parentElement.querySelector(".fold span").after(this.negative);
    this.last = "";
    const more = root.querySelector(".lens-more");
    panel(more, () => {
      under(more, this.count.getBoundingClientRect());
      more.querySelector("input").focus();
    });
    const look = newest(() => this.look(), PAUSE_MS);
    onChange((name) => {
      if (name !== LORAS && !OPEN.includes(name)) return;
      const place = areas.findIndex((area) => area.id === name);
      if (place >= 0) mirrors[place].change(value(name));
      look();
    });
    onModels(() => {
      this.last = "";
      look();
    });
    this.again = look;
    look();
  }

  async look() {
    const asked = Object.fromEntries(OPEN.map((name) => [name, value(name)]));
    asked.loras = (value(LORAS) ?? []).map(({ name }) => name);
    const key = JSON.stringify(asked);
    if (key === this.last || !field("negative_prompt")) return;
    let seen = null;
    let failure = "";
    try {
      seen = await send("POST", "studio/v1/prompt", asked);
    } catch (error) {
      failure = error.status ? error.message : "";
    }
    if (seen?.ready) this.last = key;
    else if (seen) setTimeout(this.again, STARTING_MS);
    if (asked.prompt !== value("prompt") || asked.negative_prompt !== value("negative_prompt")) {
      return; // it is asked for again already
    }
    this.say(seen ? remarks(seen) : [failure].filter(Boolean));
    this.show(seen, asked);
  }

  show(seen, asked) {
    const words = seen ? countWords(seen.tokens, seen.chunks) : "";
    write(this.count, words || "–");
    this.count.setAttribute("aria-label", `About the prompt: ${words || "not counted"}`);
    write(this.pictures, pictureWords(seen?.pictures ?? 1));
    const { negative_tokens: tokens, negative_chunks: chunks } = seen ?? {};
    write(this.negative, tokens ? countWords(tokens, chunks) : "");
    const marks = placed(asked.prompt, seen?.marks ?? []);
    this.named.show(asked.prompt, marks);
    this.underline(0, asked.prompt, marks);
    const others = placed(asked.negative_prompt, seen?.negative_marks ?? []);
    this.underline(1, asked.negative_prompt, others);
  }

  underline(place, text, marks) {
    const unknown = marks.filter((one) => !one.known && UNKNOWN.includes(one.kind));
    this.mirrors[place].show(text, unknown);
  }

  say(found) {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => write(this.live, found.join(". ")), QUIET_MS);
    if (this.says.title === found.join("\n")) return;
    write(this.says, inOneLine(found));
    this.says.title = found.join("\n");
    this.all.replaceChildren(...found.map((textContent) => make("li", { textContent })));
  }
}
