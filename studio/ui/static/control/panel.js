// The panel of all ControlNet units. There is one; it moves between the ControlNet tab, where it has
// the picture's place, and the settings of the other tabs.

import { isForSettings, onSource } from "../canvas/sources.js";
import { working } from "../canvas/working.js";
import { onFit } from "../settings/choices.js";
import { onChange, register } from "../settings/form.js";
import { isKnown, look as lookForModels } from "../shared/models.js";
import { carried, carries } from "../shared/pictures.js";
import { results } from "../shared/results.js";
import { isShown, onTab } from "../shared/tabs.js";
import { onTask } from "../shared/task.js";
import { onView } from "../shared/views.js";
import { look as lookForPreprocessors, onPreprocessors } from "./types.js";
import { UnitView } from "./unit.js";
import * as units from "./units.js";

const SIZES = ["width", "height"];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

let stage = null;
let panel = null;

export function controlStage(element) {
  stage = element;
  panel?.place();
}

/** The field `controls` of the form. */
export function controls(element) {
  panel = new Panel(element);
}

class Panel {
  constructor(element) {
    this.home = element.querySelector(".control-home");
    this.root = element.querySelector(".control-panel");
    this.list = this.root.querySelector(".units");
    this.button = this.root.querySelector("[data-act=add]");
    this.words = this.root.querySelector(".control-words");
    this.views = new Map();
    this.sent = []; // the value that the units gave the form
    this.field = register(
      element,
      (value) => this.given(value),
      () => false,
    );
    this.button.addEventListener("click", () => units.add());
    this.bindFiles();
    units.onUnits((id) => this.changed(id));
    units.onLack((id) => this.reveal(id));
    onPreprocessors(() => this.changed(null));
    onFit(() => this.changed(null));
    onChange((name) => SIZES.includes(name) && this.showUnits());
    onSource(() => this.showUnits());
    onTask(() => this.place());
    onTab(() => this.place());
    onView(() => this.showUnits());
    results.on(() => this.showUnits());
    this.changed(null);
    this.place();
  }

  /** The form has a new value: from a picture's settings, or from a reset. */
  given(value) {
    if (this.sent && !same(value, this.sent)) units.take(value);
  }

  changed(id) {
    this.sent = units.requested();
    if (!same(this.field.value, this.sent)) this.field.set(this.sent);
    if (units.units().length) this.learn();
    if (id === null) this.draw();
    else this.views.get(id)?.show();
    this.showFoot();
  }

  draw() {
    const all = units.units();
    for (const [id, view] of this.views) {
      if (all.some((one) => one.id === id)) continue;
      view.element.remove();
      this.views.delete(id);
    }
    all.forEach((one, index) => {
      if (!this.views.has(one.id)) this.views.set(one.id, new UnitView(one.id));
      const { element } = this.views.get(one.id);
      if (this.list.children[index] !== element)
        this.list.insertBefore(element, this.list.children[index]);
    });
    for (const view of this.views.values()) view.begin();
    this.showUnits();
  }

  /** Soon, and once for all that happens together, as when a tab opens. */
  showUnits() {
    if (this.isAsked) return;
    this.isAsked = true;
    queueMicrotask(() => {
      this.isAsked = false;
      for (const view of this.views.values()) view.show();
    });
  }

  showFoot() {
    const count = units.units().length;
    this.button.disabled = count >= units.MOST;
    this.words.textContent = this.button.disabled ? `No more than ${units.MOST} units.` : "";
  }

  /** Where it belongs in the present tab. A picture in the settings would be too small to begin with. */
  place() {
    const isStage = isShown("controlnet") && stage;
    const host = isStage ? stage : this.home;
    if (this.root.parentElement !== host) host.append(this.root);
    if (!isStage) units.takeOffered();
    else if (units.units().length === 0) units.add({ offered: true, follows: working() !== null });
    if (isStage || units.units().length) this.learn();
    this.showUnits();
  }

  /** Bring a unit into sight. */
  reveal(id) {
    this.root.closest(".group.folded")?.querySelector(".group-head").click();
    this.views.get(id)?.element.scrollIntoView({ block: "nearest" });
  }

  /** What there is to choose from is asked for when somebody is about to choose. */
  learn() {
    if (!this.learnt) lookForPreprocessors();
    this.learnt = true;
    if (!isKnown()) lookForModels();
  }

  /** Pictures pasted, or dropped beside a unit, while the tab is about units. */
  bindFiles() {
    document.addEventListener("paste", (event) => {
      if (!event.clipboardData.types.includes("text/plain")) this.take(event, event.clipboardData);
    });
    addEventListener("dragover", (event) => {
      const { dataTransfer } = event;
      if (!isShown("controlnet") || isForSettings(event)) return;
      if (carries(dataTransfer) || dataTransfer.types.includes("Files")) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      if (!isForSettings(event)) this.take(event, event.dataTransfer);
    });
  }

  /** A picture for the first unit that has none, else for the first that is open. */
  take(event, transfer) {
    if (!isShown("controlnet") || event.defaultPrevented || document.querySelector("dialog[open]"))
      return;
    const isPicture = (one) => one.type.startsWith("image/");
    const picture = carried(transfer) ?? [...transfer.files].find(isPicture);
    if (!picture) return;
    event.preventDefault();
    const open = units.units().filter((one) => !one.folded);
    const target = open.find((one) => !one.picture) ?? open[0] ?? units.add();
    if (target) this.views.get(target.id)?.takeDropped(picture);
  }
}
