// The field `detailers` of the form, and what is seen of it: one after the other, in their order.

import { familyOf } from "../settings/choices.js";
import { register, value } from "../settings/form.js";
import { areKnown, detectors, look, onDetectors } from "../shared/detectors.js";
import { opens } from "../shared/picker.js";
import { onTask, task } from "../shared/task.js";
import { size } from "../shared/words.js";
import { DetailerView } from "./detailer.js";
import { add, detailers as all, MOST, onLack } from "./list.js";

const KINDS = { faces: "faces", yolo: "YOLO", segmenter: "segmenter" };

export function detailers(element) {
  new Panel(element);
}

/** The detectors as the entries of a menu. */
export const options = () =>
  detectors().map((one) => ({
    value: one.name,
    label: one.name,
    detail: detailOf(one),
    mark: one.installed ? "" : "download",
    why: one.installed || one.url ? "" : one.why,
  }));

function detailOf({ kind, classes, installed, size_bytes: bytes }) {
  const known = classes.length > 1 ? `${classes.length} classes` : classes[0];
  return [KINDS[kind] ?? kind, known, !installed && bytes && size(bytes)]
    .filter(Boolean)
    .join(" · ");
}

export const MENU = {
  options,
  get empty() {
    return areKnown() ? "There is no detector." : "Looking …";
  },
  placeholder: "Search detectors",
  before: look,
};

/** What a picture of the checkpoint is looked through for, if nobody said it yet. */
function firstFor(checkpoint) {
  const isOwn = ({ kind }) => (kind === "segmenter") === (familyOf(checkpoint) === "picturebook");
  const here = detectors().filter(({ installed }) => installed);
  return here.find(isOwn) ?? here[0] ?? detectors().find(isOwn);
}

class Panel {
  constructor(element) {
    this.list = element.querySelector(".detailers-list");
    this.button = element.querySelector("#detailers");
    this.words = element.querySelector(".detailers-words");
    this.views = [];
    register(element, () => this.show());
    opens(this.button, { ...MENU, choose: (name) => this.add(name) });
    onDetectors(() => {
      this.begin();
      this.show();
    });
    onLack((at) => this.reveal(at));
    onTask(() => this.begin());
    this.begin();
  }

  add(name) {
    add(name);
    this.views.at(-1).unfold();
  }

  /** What is about details begins with a detailer; what there is to choose from is asked for once it
   * is of use. */
  async begin() {
    const isTheirs = task() === "details";
    if (!areKnown() && (isTheirs || all().length)) await look();
    if (task() !== "details" || !areKnown()) return;
    const first = all().length ? null : firstFor(value("checkpoint"));
    if (first) add(first.name);
    if (this.views.length === 1) this.views[0].unfold();
  }

  show() {
    const count = all().length;
    if (count && !areKnown()) look();
    while (this.views.length < count) {
      const view = new DetailerView(this.views.length, MENU);
      this.views.push(view);
      this.list.append(view.element);
    }
    while (this.views.length > count) this.views.pop().element.remove();
    for (const view of this.views) view.show();
    this.button.disabled = count >= MOST;
    this.words.textContent = this.button.disabled ? `No more than ${MOST} detailers.` : "";
  }

  /** Bring one into sight. */
  reveal(at) {
    const { element } = this.views[at];
    element.closest(".group.folded")?.querySelector(".group-head").click();
    this.views[at].unfold();
    element.scrollIntoView({ block: "nearest" });
  }
}
