// What was counted in a probe's pictures, as tables: a column for each word, a row for each value.

import { make } from "../shared/dom.js";
import { differWords, intervalOf, leanWords, percentOf, valuesOf } from "./words.js";

/**
 * A table for each attribute. `isWhole`: all pictures are there, so that it may be said what is sure,
 * up to the p `sure`.
 */
export const tablesOf = ({ attributes, sure_up_to: sure }, isWhole) =>
  attributes.map((attribute) => section(attribute, isWhole ? sure : null));

function section(attribute, sure) {
  const { name } = attribute;
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  return make(
    "section",
    { "aria-label": title },
    make("h3", {}, title),
    sure === null ? null : make("p", {}, differWords(attribute, sure)),
    make(
      "div",
      { className: "probe-scroll", role: "region", tabIndex: 0, "aria-label": `${title}, shares` },
      table(attribute, sure),
    ),
  );
}

function table(attribute, sure) {
  const { words } = attribute;
  const head = words.map(({ word, shares }) =>
    make("th", { scope: "col" }, word, make("small", {}, ` of ${shares[0]?.of ?? 0}`)),
  );
  const rows = valuesOf(attribute).map((value) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, value),
      ...words.map(({ shares }) => cell(shares.find((share) => share.value === value))),
    ),
  );
  const leans = words.map((word) => (sure === null ? "" : leanWords(word, sure)));
  if (leans.some(Boolean)) {
    const cells = leans.map((text) => make("td", { className: "probe-lean" }, text));
    rows.push(make("tr", {}, make("th", { scope: "row" }, "Against even odds"), ...cells));
  }
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, attribute.name), ...head)),
    make("tbody", {}, ...rows),
  );
}

function cell(share) {
  if (!share) return make("td", { className: "probe-none" }, "0 %");
  const bar = make("i");
  bar.style.width = `${100 * share.share}%`;
  const interval = make("b");
  interval.style.left = `${100 * share.low}%`;
  interval.style.width = `${100 * (share.high - share.low)}%`;
  return make(
    "td",
    {},
    percentOf(share.share),
    make("small", {}, ` (${intervalOf(share)})`),
    make("span", { className: "probe-bar", "aria-hidden": "true" }, bar, interval),
  );
}
