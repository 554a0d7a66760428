// Pictures that the owner's filter has found are blurred by the studio until somebody wants to see one.

import { veilWith } from "./data.js";
import { make } from "./dom.js";
import { blursFrom } from "./status.js";

const WHOLE = /^\/?studio\/v1\/images\/([^/?]+)$/;
const revealed = new Set();

veilWith((path) => {
  const [, id] = blursFrom() === null ? [] : (WHOLE.exec(path) ?? []);
  return id && !revealed.has(id) ? `${path}?veil=1` : path;
});

const isVeiled = ({ id, nsfw }) =>
  blursFrom() !== null && (nsfw ?? 0) >= blursFrom() && !revealed.has(id);

/** A button over `element` where `picture` is blurred, which shows it as it is by `again()`. */
export function veil(element, picture, again) {
  element.querySelector(":scope > .veil")?.remove();
  if (!picture || !isVeiled(picture)) return;
  const words = `Blurred by the filter (${picture.nsfw.toFixed(2)}). Show it`;
  const act = () => {
    revealed.add(picture.id);
    again();
  };
  element.append(
    make("button", { type: "button", className: "veil plain framed", onclick: act }, words),
  );
}
