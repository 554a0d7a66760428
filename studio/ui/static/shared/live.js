// Whether what is painted or set is drawn at each pause of the hand; run/live.js draws it.

import { signal } from "./signals.js";
import { shownTab } from "./tabs.js";

const TABS = ["image-to-image", "controlnet"];

/** Is it on? */
export const live = signal(false);

/** Does the tab in sight have it? */
export const offersLive = () => TABS.includes(shownTab());

export function toggleLive() {
  if (offersLive()) live.value = !live.value;
}
