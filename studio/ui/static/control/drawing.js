// What of a unit is drawn by hand: a scribble, coloured areas, a map gone over, the region where the
// unit acts.

import { madeSize } from "../canvas/sizes.js";
import { uploaded } from "../canvas/uploads.js";
import { familyOf } from "../settings/choices.js";
import { value } from "../settings/form.js";
import { data } from "../shared/data.js";
import { edit } from "./editor.js";
import { isUnion, preprocessor } from "./types.js";
import { change, pictureOf, typeOf } from "./units.js";

const LEAST_SIDE = 512; // of the sheet: a small picture is drawn at a multiple of its size

const paletteNow = () => data.palettes?.[familyOf(value("checkpoint"))] ?? null;
const toBytes = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Draw the unit's picture, or draw on. It is then a ready-made map. True unless it was cancelled.
 * `drawn()` is called whenever something of it is there. */
export async function draw(unit, drawn) {
  const isAreas = typeOf(unit) === "segmentation";
  const palette = isAreas ? paletteNow() : null;
  const made = madeSize();
  const times = Math.ceil(LEAST_SIDE / Math.min(made.width, made.height));
  const goesOn = unit.drawn && unit.picture;
  const { width, height } = goesOn
    ? unit.picture
    : { width: made.width * times, height: made.height * times };
  const name = isAreas ? "segmentation" : "none";
  const blob = await editing(unit, name, drawn, {
    title: isAreas ? "Paint areas" : "Draw",
    hint: isAreas ? "Choose what to paint; the bucket (G) fills." : "White strokes on black.",
    width,
    height,
    start: goesOn ? unit.picture.url : null,
    under: goesOn ? null : (pictureOf(unit)?.url ?? null),
    back: palette ? toBytes(palette[0].colour) : [0, 0, 0],
    palette,
    isHard: isAreas,
    colours: isAreas,
  });
  return blob !== null;
}

/** As `edit`: the unit has what is drawn, already meanwhile where that is shown live; cancelled, what
 * it had before. */
async function editing(unit, name, drawn, of) {
  const before = { ...unit };
  let newest = 0;
  const take = async (blob) => {
    newest += 1;
    const own = newest;
    const picture = await uploaded(blob);
    if (own !== newest) return;
    put(unit, picture, name);
    drawn();
  };
  const blob = await edit({ ...of, drawn: (blob) => take(blob).catch(() => {}) });
  const isTouched = newest > 0;
  newest += 1; // what is still on its way comes too late
  if (blob) await take(blob);
  else if (isTouched) change(unit.id, before);
  return blob;
}

/** Go over the map, {image, blob}; the unit then takes it as it is. */
export async function retouch(unit, { image, blob: map }) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const spec = preprocessor(unit.preprocessor);
  const isAreas = typeOf(unit) === "segmentation" || spec?.group === "segmentation";
  await editing(unit, isAreas ? "segmentation" : "none", () => {}, {
    title: "Edit the map",
    hint: "It is used as you leave it; the preprocessor is then off.",
    width,
    height,
    start: map,
    under: pictureOf(unit)?.url ?? null,
    back: [0, 0, 0],
    palette: isAreas ? paletteNow() : null,
    isHard: isAreas,
    colours: true,
  });
}

function put(unit, picture, name) {
  const type = isUnion(unit.controlnet)
    ? (typeOf(unit) ?? preprocessor(unit.preprocessor)?.group)
    : null;
  change(unit.id, {
    picture,
    preprocessor: name,
    settings: {},
    follows: false,
    drawn: true,
    on: true,
    union_type: name === "none" ? type || null : null,
  });
}

/** Paint where the unit acts: white, over its picture. */
export async function paintRegion(unit) {
  const { width, height } = unit.mask ?? pictureOf(unit) ?? madeSize();
  const blob = await edit({
    title: "Paint where the unit acts",
    hint: "White is where it acts.",
    width,
    height,
    start: unit.mask?.url ?? null,
    under: pictureOf(unit)?.url ?? null,
    back: [0, 0, 0],
    palette: null,
    colours: false,
  });
  if (blob) change(unit.id, { mask: await uploaded(blob) });
}
