// Drawings of numbers, as SVG.

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, set, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(set)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function chart(width, height, label) {
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

/** Lines over 0 to 1 both ways, and a mark across them, which `mark(share)` sets. */
export function lines(series, { label, left, right, top = "1" }) {
  const [width, height, low] = [480, 170, 150];
  const svg = chart(width, height, label);
  svg.append(shape("path", { class: "axis", d: `M0 0V${low}H${width}` }));
  for (const { values, kind } of series) {
    const last = values.length - 1;
    const points = values.map(
      (value, place) => `${((place / last) * width).toFixed(1)} ${((1 - value) * low).toFixed(1)}`,
    );
    svg.append(shape("path", { class: `line ${kind}`, d: `M${points.join("L")}` }));
  }
  svg.append(
    shape("text", { x: 4, y: -6 }, top),
    shape("text", { x: 2, y: height - 4 }, left),
    shape("text", { x: width - 2, y: height - 4, "text-anchor": "end" }, right),
  );
  const across = shape("path", { class: "mark", d: "" });
  svg.append(across);
  const mark = (share) => across.setAttribute("d", `M${share * width} 0V${low}`);
  return { svg, mark };
}

/** Words at places of a plane, drawn as wide and high as they lie; those that `isOwn` says stand out.
 * A name that would lie over another is put below it, with a line to its dot. */
export function scatter(places, isOwn, label) {
  const [width, height, rim] = [640, 400, 24];
  const svg = chart(width, height, label);
  const across = scale(
    places.map(({ x }) => x),
    rim,
    width - 96,
  );
  const down = scale(
    places.map(({ y }) => -y),
    rim,
    height - rim,
  );
  const taken = [];
  const dots = places.map((one) => ({ ...one, left: across(one.x), top: down(-one.y) }));
  for (const { word, kind, left, top } of dots.sort((a, b) => a.top - b.top)) {
    const own = isOwn(word) ? " own" : "";
    const box = { left: left + 6, top, right: left + 12 + word.length * 7 };
    while (taken.some((other) => overlap(box, other))) box.top += 2;
    taken.push(box);
    if (box.top > top + 2)
      svg.append(shape("path", { class: "axis", d: `M${left} ${top}L${box.left} ${box.top}` }));
    svg.append(
      shape("circle", { class: `dot ${kind}${own}`, cx: left, cy: top, r: own ? 4 : 3 }),
      shape("text", { class: `name ${kind}${own}`, x: box.left, y: box.top + 4 }, word),
    );
  }
  return svg;
}

const LINE = 13; // a name is so high

const overlap = (one, other) =>
  one.left < other.right && other.left < one.right && Math.abs(one.top - other.top) < LINE;

/** From the least and the most of `values` to `low` and `high`. */
function scale(values, low, high) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return (value) => low + ((value - least) / (most - least || 1)) * (high - low);
}
