// How large the picture will be that the present settings make.

import { value } from "../settings/form.js";
import { address } from "../shared/data.js";
import { task as current, isEditing } from "../shared/task.js";
import { sourceOf } from "./sources.js";

/** What the result will be: {width, height}, and the address of the picture `under` it, if that has
 * the same place. One that is scaled down to be worked on has the shape of its result. */
export function expectedResult({ kind, left = 0, top = 0, right = 0, bottom = 0 }) {
  const asked = { width: value("width"), height: value("height") };
  if (kind === "text_to_image") return asked;
  const { width, height, url } = sourceOf(kind);
  if (kind === "outpaint") return { width: left + width + right, height: top + height + bottom };
  if (kind === "upscale") return enlarged({ width, height }, asUpscale());
  if (kind === "details") return { width, height, under: address(url) };
  const isFree =
    asked.width && asked.height && !(kind === "inpaint" && value("area") === "only_masked");
  return isFree ? asked : { width, height, under: address(url) };
}

const asUpscale = () => ({
  factor: value("factor"),
  resize_width: value("resize_width"),
  resize_height: value("resize_height"),
});

/** A picture of that size, by a factor or to a size; one side gives the other. */
function enlarged({ width, height }, { factor, resize_width: across, resize_height: down }) {
  if (!across && !down)
    return { width: Math.round(width * factor), height: Math.round(height * factor) };
  return {
    width: across ?? Math.round((down * width) / height),
    height: down ?? Math.round((across * height) / width),
  };
}

/** The size of what the present settings make, {width, height}, in whole cells of latents. */
export function madeSize() {
  const kind = current();
  const source = isEditing() ? sourceOf(kind) : null;
  const least = { width: value("width") ?? 512, height: value("height") ?? 512 };
  const made = !isEditing() || source ? expectedResult({ kind, ...source?.frame }) : least;
  return { width: roundedUp(made.width), height: roundedUp(made.height) };
}

const roundedUp = (side) => 8 * Math.ceil(side / 8);

/** The same of a request that was sent earlier, whose picture may not be on any canvas now. */
export async function resultOf({ width, height, task }) {
  const isOther = ["outpaint", "upscale", "details"].includes(task.kind);
  if (!isOther && task.area !== "only_masked") return { width, height };
  const image = new Image();
  image.src = address(`studio/v1/uploads/${task.image.replace("input:", "")}/view`);
  await image.decode().catch(() => null);
  const { left = 0, top = 0, right = 0, bottom = 0 } = task;
  if (!image.naturalWidth) return { width, height };
  const source = { width: image.naturalWidth, height: image.naturalHeight };
  if (task.kind === "upscale") return enlarged(source, task);
  return { width: left + image.naturalWidth + right, height: top + image.naturalHeight + bottom };
}
