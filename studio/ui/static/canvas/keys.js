// The keys of a canvas, or of any picture in its port. They work while it is in sight and nobody types.

const TOOLS = {
  b: "brush",
  e: "eraser",
  l: "lasso",
  r: "rectangle",
  g: "fill",
  w: "select",
  o: "object",
  p: "pick",
};
const PAN_PX = 48;
const PANS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** `act(name)` does what a button with that data-do does; false if there is none. `takes(event)` says
 * whether a key may be meant for it. */
export function bindCanvasKeys(of) {
  const { root, port, view, pointers, options, act, closePanels, takes = () => true } = of;
  const isOn = (event) => {
    const dialog = document.querySelector("dialog[open]");
    const isSeen = root.checkVisibility({ visibilityProperty: true });
    const isOurs = isSeen && (!dialog || dialog.contains(root));
    return isOurs && !isTyping(event.target) && takes(event);
  };
  const plain = (event) => {
    const key = event.key.toLowerCase();
    const tool = options && root.querySelector(`button[data-tool=${TOOLS[key]}]`);
    if (tool?.checkVisibility()) {
      if (!tool.disabled) options.tool = TOOLS[key];
      port.focus({ preventScroll: true }); // the next keys are meant for it
    } else if (options && (key === "[" || key === "]"))
      resize(options, key === "]" ? 1.15 : 1 / 1.15);
    else if (key === "k") return act("layer");
    else if (key === "i") return act("mask-invert");
    else if (key === "delete" || key === "backspace") return act("mask-clear");
    else if (key === "+" || key === "=") view.zoomBy(1);
    else if (key === "-") view.zoomBy(-1);
    else if (key === "0") view.fit();
    else if (key === "1") view.zoomTo(1);
    else if (key === "f") return act("full-screen");
    else if (event.target === port && event.key in PANS)
      view.panBy(...PANS[event.key].map((one) => one * PAN_PX));
    else return false;
    return true;
  };
  const space = (event, held) => {
    const isTick = event.target.matches?.("[type=checkbox]"); // whose key it is
    if (isTick && !pointers.spaceHeld) return false;
    if (event.key !== " " || !(pointers.isOver || pointers.spaceHeld) || (held && !isOn(event)))
      return false;
    pointers.spaceHeld = held;
    port.classList.toggle("grab", held);
    return true;
  };
  const done = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  // Before the page's own keys, of which Escape stops the running picture.
  addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing || !isOn(event)) return;
      if (event.key === "Escape" ? pointers.cancel() || closePanels() : space(event, true)) {
        done(event);
        return;
      }
      const modified = event.ctrlKey || event.metaKey;
      const handled = modified ? undoKey(event, act) : !event.altKey && plain(event);
      if (handled) done(event);
    },
    { capture: true },
  );
  addEventListener("keyup", (event) => space(event, false) && done(event), { capture: true });
  addEventListener("blur", () => {
    pointers.spaceHeld = false;
    port.classList.remove("grab");
  });
}

function undoKey(event, act) {
  const key = event.key.toLowerCase();
  if (key === "y" || (key === "z" && event.shiftKey)) return act("redo");
  return key === "z" && act("undo");
}

export function resize(options, factor) {
  const step = factor > 1 ? Math.ceil : Math.floor;
  options.size = Math.min(2000, Math.max(1, step(options.size * factor)));
}

const isTyping = (at) =>
  at.isContentEditable ||
  at.matches?.("textarea, select, input:not([type=range], [type=checkbox], [type=color])");
