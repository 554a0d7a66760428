// Pictures and masks on their way to the studio and back.

import { address } from "../shared/data.js";
import { ask } from "../shared/server.js";
import { signal } from "../shared/signals.js";
import { readMask, readPlanes } from "./png.js";

const urlOf = (ref, rest) => {
  const [where, id] = ref.split(":");
  const path =
    where === "input"
      ? `uploads/${encodeURIComponent(id)}${rest}`
      : `images/${encodeURIComponent(id)}`;
  return `studio/v1/${path}`;
};

/** Tells a File that somebody chose, dropped or pasted as a picture to begin with. */
export const arrivals = signal();

/** Send a file: what a task calls it, where the page finds it, its size. */
export async function uploaded(blob) {
  const answer = await ask("studio/v1/uploads", { method: "POST", body: blob });
  const { ref, url, width, height } = await answer.json();
  return { image: ref, url, width, height };
}

/**
 * A picture of which at least `ref` is told; the rest is asked of the picture itself.
 * @param {{ref: string, url?: string, width?: number, height?: number}} picture
 */
export async function known({ ref, url = urlOf(ref, "/view"), width, height }) {
  if (width && height) return { image: ref, url, width, height };
  const image = new Image();
  image.src = address(url);
  try {
    await image.decode();
  } catch {
    throw new Error("This picture cannot be loaded (any more).");
  }
  return { image: ref, url, width: image.naturalWidth, height: image.naturalHeight };
}

/** {width, height, data} of a mask, as the inpainting reads it. */
export async function maskAt(ref) {
  const answer = await ask(urlOf(ref, "/view?kind=mask"), { cache: "default" }).catch(() => {
    throw new Error("This mask cannot be loaded (any more).");
  });
  return readMask(await answer.blob());
}

/** {width, height, planes} of a sketch: red, green, blue, alpha. A canvas would round colours by their
 * alpha, so both come opaque, each by itself. */
export async function planesAt(ref) {
  const view = (kind) => ask(urlOf(ref, `/view?kind=${kind}`), { cache: "default" });
  const [colours, alpha] = await Promise.all([view("colours"), view("alpha")]).catch(() => {
    throw new Error("This sketch cannot be loaded (any more).");
  });
  const { width, height, planes } = await readPlanes(await colours.blob(), 3);
  const { data } = await readMask(await alpha.blob());
  return { width, height, planes: [...planes, data] };
}
