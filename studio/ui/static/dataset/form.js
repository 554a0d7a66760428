// The fields of a new dataset, and the specification that they come to, which may be changed by hand.

/** Plain words as YAML that means just them. */
export const quoted = (text) => JSON.stringify(text);

/**
 * The specification that the fields' values come to. A line of `classes` is a name, or "name: words".
 * @param {any} values
 */
export function specOf({ name, classes, template, count, negatives, steps, steering = "" }) {
  const lines = classes
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const [, called, words] = /^(.*?)(?::\s*(.*))?$/.exec(line) ?? [];
      return `  ${quoted(called.trim())}: ${quoted(words?.trim() ?? "")}`;
    });
  return [
    `name: ${quoted(name.trim() || "dataset")}`,
    "classes:",
    ...lines,
    "templates:",
    `  - ${quoted(template)}`,
    "conditions:",
    "  ground: [on a meadow, in the desert, in the snow, by the sea]",
    "  sky: {by day: 3, at sunset: 1, at night: 1}",
    `count: ${count}`,
    `negatives: ${negatives}`,
    `steps: ${steps}`,
    ...(steering ? [`steering: ${steering}`] : []),
    "",
  ].join("\n");
}

const BEGINNING = {
  name: "little world",
  classes: "house: a {red|blue|white} house\ntree: a {green|orange} tree\nboat: a {white|red} boat",
  template: "__things__, __ground__ __sky__",
  count: "50",
  negatives: "0.1",
  steps: "12",
};

/** Fields of `form`, and `steering()`, write its text; what is written there by hand stays until one
 * changes: {spec() is the text, write() says that the steering is another}. */
export function bindForm(form, steering) {
  const fields = Object.fromEntries(
    Object.keys(BEGINNING).map((key) => [key, form.querySelector(`#dataset-${key}`)]),
  );
  const text = form.querySelector("#dataset-spec");
  const write = () => {
    const values = Object.entries(fields).map(([key, field]) => [key, field.value]);
    text.value = specOf({ ...Object.fromEntries(values), steering: steering() });
  };
  for (const [key, field] of Object.entries(fields)) {
    field.value = BEGINNING[key];
    field.addEventListener("input", write);
  }
  write();
  return { spec: () => text.value, write };
}
