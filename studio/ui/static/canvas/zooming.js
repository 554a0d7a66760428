// What the zoom buttons of a picture do, by the `data-do` of each.

import { toggleFull } from "../shared/full.js";

export const zoomActions = (view) => ({
  "zoom-in": () => view.zoomBy(1),
  "zoom-out": () => view.zoomBy(-1),
  "zoom-100": () => view.zoomTo(1),
  "zoom-fit": () => view.fit(),
  "full-screen": toggleFull,
});

export const zoomWords = (view) => `${Math.round(100 * view.zoom)} %`;
