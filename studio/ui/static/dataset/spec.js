// What the fields of a new dataset come to: its specification, in YAML. Knows no page.

/** Plain words as YAML that means just them. */
export const quoted = (text) => JSON.stringify(text);

const linesOf = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

/** A line "name: words" -> [name, words]; of a name alone the words are "". */
function named(line) {
  const [, name, words] = /^(.*?)(?::\s*(.*))?$/.exec(line) ?? [];
  return [name.trim(), words?.trim() ?? ""];
}

/** "by day: 3, at night" -> what YAML calls that: each value with its weight. */
function weighted(words) {
  const values = words
    .split(",")
    .map((each) => /^(.*?)(?::\s*([\d.]+))?$/.exec(each.trim()))
    .filter((found) => found[1])
    .map(([, called, weight]) => `${quoted(called)}: ${weight ?? 1}`);
  return `{${values.join(", ")}}`;
}

const share = (percent) => Number(percent) / 100;

/**
 * The specification that the fields' values, all texts, come to. A line of `classes` is a name, or
 * "name: words"; one of `conditions` "name: value, value: weight". `train`, `val`, `test` and
 * `negatives` are percent, `side` is in pixels or "".
 * @param {any} of
 */
export function specOf(of) {
  const conditions = linesOf(of.conditions).map(named);
  return [
    `name: ${quoted(of.name.trim() || "dataset")}`,
    ...(of.checkpoint ? [`checkpoint: ${quoted(of.checkpoint)}`] : []),
    "classes:",
    ...linesOf(of.classes)
      .map(named)
      .map(([name, words]) => `  ${quoted(name)}: ${quoted(words)}`),
    "templates:",
    `  - ${quoted(of.template)}`,
    ...(conditions.length ? ["conditions:"] : []),
    ...conditions.map(([name, words]) => `  ${quoted(name)}: ${weighted(words)}`),
    `count: ${of.count}`,
    `split: {train: ${share(of.train)}, val: ${share(of.val)}, test: ${share(of.test)}}`,
    `negatives: ${share(of.negatives)}`,
    ...(of.side ? [`width: ${of.side}`, `height: ${of.side}`] : []),
    `steps: ${of.steps}`,
    ...steering(of),
    "",
  ].join("\n");
}

/** What the photos come to: `steering` is "" where there are none, `region` "left, top, right, bottom"
 * or "" for anywhere. */
const steering = (of) => [
  ...(of.steering ? [`steering: ${of.steering}`] : []),
  ...(of.steering && of.region ? [`region: [${of.region}]`] : []),
];

/** The specification `text` with what other photos come to. */
export function steered(text, photos) {
  const rest = text.replace(/^(steering|region):.*\n?/gm, "").replace(/\n?$/, "\n");
  return [rest, ...steering(photos).map((line) => `${line}\n`)].join("");
}
