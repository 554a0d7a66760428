// What of a picture is learnt: masks painted, sent and shown over it.

import { edit } from "../control/editor.js";
import { address } from "../shared/data.js";
import { make } from "../shared/dom.js";

/** Percent of the picture that shows through its mask. */
const THROUGH = 60;

/** Paint over the picture, white where it is learnt; comes true with a PNG of its size, or null.
 * `mask`: the address of the one that it has; `picture`: that of a copy to see. */
export function paintMask({ file, size, mask: hasMask }, mask, picture) {
  const [width, height] = size;
  return edit({
    title: `Mask of ${file}`,
    hint: "Paint over what is to be learnt. What stays dark is not.",
    width,
    height,
    start: hasMask ? mask : null,
    under: picture,
    through: THROUGH,
    back: [0, 0, 0],
    palette: null,
    colours: false,
  });
}

/** {shown, acts}: the mask over its picture, null without one; what can be done with it.
 * `of.paint(place)`, `of.put(file)` and `of.clear()` are called. */
export function tileMask(one, place, of) {
  // Another mask of the same picture has another address.
  const fresh = `${place}&seen=${Date.now()}`;
  const shown = one.mask
    ? make("img", { src: address(fresh), alt: "", className: "train-mask", loading: "lazy" })
    : null;
  const act = (words, does) =>
    make(
      "button",
      {
        "type": "button",
        "className": "plain",
        "aria-label": `${words} of ${one.file}`,
        "onclick": does,
      },
      words,
    );
  const file = make("input", {
    type: "file",
    accept: "image/*",
    hidden: true,
    onchange: () => file.files[0] && of.put(file.files[0]),
  });
  const acts = make(
    "div",
    { className: "train-mask-acts" },
    act("Paint mask", () => of.paint(fresh)),
    act("Upload mask", () => file.click()),
    one.mask ? act("Clear mask", of.clear) : null,
    file,
  );
  return { shown, acts };
}
