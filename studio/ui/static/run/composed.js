// A picture whose areas are each as before or as they were drawn anew: pixel for pixel what the studio
// keeps of such a choice. Knows no page.

/**
 * Draw into `context`, of the pictures' size: where no area is wanted the picture is as `before`.
 * `areas` are [left, top, right, bottom] in pixels.
 */
export function compose(context, before, after, areas) {
  context.drawImage(before, 0, 0);
  for (const area of areas) copyArea(context, after, area, false);
}

/** One area of `image` at its own place, or at the origin. */
export function copyArea(context, image, [left, top, right, bottom], isAtOrigin) {
  const [width, height] = [right - left, bottom - top];
  const [x, y] = isAtOrigin ? [0, 0] : [left, top];
  context.drawImage(image, left, top, width, height, x, y, width, height);
}
