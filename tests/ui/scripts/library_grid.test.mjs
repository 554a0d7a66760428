// The library's rows, selection and days.

import assert from "node:assert/strict";
import { test } from "node:test";

import { beginOf, dayOf, dayWords } from "../../../studio/ui/static/library/days.js";
import { Layout } from "../../../studio/ui/static/library/layout.js";
import { List } from "../../../studio/ui/static/library/list.js";
import { Selection } from "../../../studio/ui/static/library/selection.js";

const square = { width: 512, height: 512, day: "a" };
const wide = { width: 1024, height: 512, day: "a" };
const tall = { width: 512, height: 1024, day: "a" };
const laid = (entries, width = 1000, side = 200) => {
  const layout = new Layout({ width, side, gap: 4, dayOf: (one) => one.day });
  layout.extend(entries);
  return layout;
};
const pictures = (layout) => layout.rows.filter((row) => row.day === undefined);

test("full rows reach from edge to edge, no picture is stretched, none is left out", () => {
  const entries = Array.from({ length: 50 }, (_, n) => [square, wide, tall][n % 3]);
  const layout = laid(entries);
  const rows = pictures(layout);
  let next = 0;
  for (const row of rows) {
    assert.equal(row.from, next);
    next = row.to;
    assert.ok(row.height > 130 && row.height < 270, "about as high as asked");
    row.widths.forEach((width, place) => {
      const { width: w, height: h } = entries[row.from + place];
      assert.ok(Math.abs(width - (row.height * w) / h) <= row.widths.length, "of its own shape");
      if (place) assert.equal(row.lefts[place], row.lefts[place - 1] + row.widths[place - 1] + 4);
    });
    if (row !== rows.at(-1)) assert.equal(row.lefts.at(-1) + row.widths.at(-1), 1000);
  }
  assert.equal(next, 50);
});

test("rows follow each other without overlap; each day has its heading", () => {
  const layout = laid(["a", "a", "b", "c", "c", "c"].map((day) => ({ ...square, day })));
  assert.deepEqual(
    layout.rows.map((row) => row.day ?? [row.from, row.to]),
    ["a", [0, 2], "b", [2, 3], "c", [3, 6]],
  );
  layout.rows.reduce((above, row) => {
    assert.ok(row.top >= above.top + above.height);
    return row;
  });
});

test("pages that come one after the other give the same rows as all at once", () => {
  const entries = Array.from({ length: 137 }, (_, n) => ({
    ...[square, wide, tall][(n * 7) % 3],
    day: String(Math.floor(n / 23)),
  }));
  const grown = new Layout({ width: 777, side: 150, gap: 4, dayOf: (one) => one.day });
  for (const to of [1, 2, 23, 24, 60, 61, 137]) grown.extend(entries.slice(0, to));
  assert.deepEqual(grown.rows, laid(entries, 777, 150).rows);
});

test("rows above what is added stay the very same ones", () => {
  const entries = Array.from({ length: 40 }, () => square);
  const layout = laid(entries.slice(0, 20));
  const before = [...layout.rows];
  layout.extend(entries);
  for (const row of before.slice(0, -1)) assert.ok(layout.rows.includes(row));
});

test("what is in sight is found; the height of what is not loaded is estimated", () => {
  const entries = Array.from({ length: 1000 }, () => square);
  const layout = laid(entries);
  const [from, to] = layout.between(5000, 5600);
  assert.ok(layout.rows[from].top <= 5000 && layout.rows[to - 1].top < 5600);
  assert.ok(to - from <= 5);
  const half = laid(entries.slice(0, 500));
  assert.ok(Math.abs(half.heightOf(1000) - layout.height) < 0.05 * layout.height);
  assert.equal(layout.heightOf(1000), layout.height);
  assert.ok(laid([]).heightOf(10) > 0);
});

test("up and down go to the picture that is nearest, over headings, and stop at the ends", () => {
  const days = [...Array(7).fill("a"), "b", "b"];
  const layout = laid(days.map((day) => ({ ...square, day })));
  // Rows: 0 1 2 3 4 | 5 6 || 7 8
  assert.equal(layout.beside(1, 1), 6);
  assert.equal(layout.beside(4, 1), 6);
  assert.equal(layout.beside(5, 1), 7);
  assert.equal(layout.beside(8, -1), 6);
  assert.equal(layout.beside(2, -1), 2);
  assert.equal(layout.beside(8, 1), 8);
});

test("sizes that are not known, or absurd, have a place, too", () => {
  const layout = laid([
    { width: 0, height: 0 },
    { width: 9999, height: 1 },
    {},
    { ...tall, height: 1e6 },
  ]);
  for (const row of pictures(layout)) {
    for (const width of row.widths) assert.ok(width > 0 && Number.isFinite(width));
  }
  assert.deepEqual(laid([square], 10).rows.at(-1).to, 1);
});

const order = ["a", "b", "c", "d", "e"];

test("a click selects one, Ctrl one more, Shift all between", () => {
  const one = new Selection();
  one.only("b");
  one.toggle("d");
  assert.deepEqual([...one.ids], ["b", "d"]);
  one.toggle("d");
  assert.deepEqual([...one.ids], ["b"]);
  one.only("b");
  one.extend("d", order);
  assert.deepEqual([...one.ids], ["b", "c", "d"]);
  one.extend("a", order);
  assert.deepEqual([...one.ids], ["a", "b"]);
});

test("arrows take the selection along until something is marked", () => {
  const one = new Selection();
  one.only("a");
  one.move("b");
  assert.deepEqual([...one.ids], ["b"]);
  one.toggle("b"); // Space marks the one that the keys are at
  one.move("d");
  assert.deepEqual([...one.ids], ["b"]);
  one.toggle("d");
  assert.deepEqual([...one.ids], ["b", "d"]);
  one.clear();
  one.move("e");
  assert.deepEqual([...one.ids], ["e"]);
});

test("after a deletion the keys are at what took its place", () => {
  const one = new Selection();
  one.only("c");
  one.keep(order, ["a", "b", "d", "e"]);
  assert.equal(one.active, "d");
  assert.deepEqual([...one.ids], ["d"]);
  one.keep(["a", "b", "d"], ["a", "b"]);
  assert.equal(one.active, "b");
  one.keep(["a", "b"], []);
  assert.equal(one.active, null);
  assert.equal(one.ids.size, 0);
});

test("days have names, and begin at midnight here", () => {
  const now = new Date(2026, 10, 27, 3, 0);
  assert.equal(dayWords("2026-11-27", now), "Today");
  assert.equal(dayWords("2026-11-26", now), "Yesterday");
  assert.equal(dayWords("2026-11-01", now), "Sunday 1 November");
  assert.equal(dayWords("2025-01-02", now), "Thursday 2 January 2025");
  const local = new Date(2026, 2, 9, 0, 30);
  assert.equal(dayOf(local.toISOString()), "2026-03-09");
  assert.equal(beginOf("2026-03-09", 1), new Date(2026, 2, 10).toISOString());
});

/** A library of `count` pictures, p0 the newest, that answers as the studio does. */
function shelf(count) {
  const all = Array.from({ length: count }, (_, n) => ({
    id: `p${n}`,
    created: new Date(2026, 0, 1, 0, 0, -n).toISOString(),
    starred: false,
    boards: [],
  }));
  const asked = [];
  const page = async (filters) => {
    asked.push(filters);
    const fits = all.filter((one) => !filters.starred || one.starred);
    const at = Number(filters.before ?? 0);
    const to = at + filters.limit;
    const images = fits.slice(at, to).map((one) => ({ ...one }));
    return { images, next: to < fits.length ? String(to) : null, total: fits.length };
  };
  return { all, asked, list: new List(page) };
}

test("pages are fetched as far as they are wanted, and no farther", async () => {
  const { asked, list } = shelf(1500);
  await list.find({ search: "x" });
  assert.equal(list.entries.length, 100);
  await Promise.all([list.reach(120), list.reach(350)]);
  assert.ok(list.entries.length >= 350 && list.entries.length < 700);
  assert.ok(asked.every((one) => one.search === "x" && one.limit <= 500));
  await list.reach(list.total);
  assert.deepEqual(
    list.ids,
    Array.from({ length: 1500 }, (_, n) => `p${n}`),
  );
  assert.ok(list.isWhole);
});

test("what is deleted goes, and an undo puts each back where it was", async () => {
  const { list } = shelf(10);
  await list.find({});
  const before = list.ids;
  list.heard({ ids: ["p3", "p4", "p9"], what: "trashed", fields: {} });
  assert.equal(list.ids.join(), "p0,p1,p2,p5,p6,p7,p8");
  assert.equal(list.total, 7);
  list.heard({ ids: ["p0"], what: "trashed", fields: {} });
  list.heard({ ids: ["p0"], what: "restored", fields: {} });
  list.heard({ ids: ["p9", "p4", "p3"], what: "restored", fields: {} });
  assert.deepEqual(list.ids, before);
  assert.equal(list.total, 10);
  assert.equal(list.entry("p4").id, "p4");
});

test("a picture that has lost its star leaves the starred ones, and comes back with it", async () => {
  const { all, list } = shelf(6);
  for (const one of all) one.starred = true;
  await list.find({ starred: true });
  list.heard({ ids: ["p2"], what: "changed", fields: { starred: false } });
  assert.equal(list.ids.join(), "p0,p1,p3,p4,p5");
  list.heard({ ids: ["p2"], what: "changed", fields: { starred: true } });
  assert.equal(list.ids.join(), "p0,p1,p2,p3,p4,p5");
});

test("what others drew, changed or deleted shows when one looks again", async () => {
  const { all, list } = shelf(5);
  await list.find({});
  all.splice(2, 1); // p2 went
  all[0].starred = true;
  all.unshift({
    id: "new",
    created: new Date(2026, 0, 2).toISOString(),
    starred: false,
    boards: [],
  });
  let told = 0;
  list.news.on(() => told++);
  await list.renew();
  assert.equal(list.ids.join(), "new,p0,p1,p3,p4");
  assert.ok(list.entry("p0").starred);
  assert.equal(list.total, 5);
  await list.renew();
  assert.equal(told, 1, "nothing new is not told");
});

test("an answer that comes late does not overwrite that of the last search", async () => {
  const waiting = [];
  const list = new List((filters, { signal }) => {
    return new Promise((done, fail) => {
      signal.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
      waiting.push(() => done({ images: [{ id: filters.search }], next: null, total: 1 }));
    });
  });
  const first = list.find({ search: "a" });
  const last = list.find({ search: "ab" });
  for (const answer of waiting) answer();
  await Promise.all([first, last]);
  assert.deepEqual(list.ids, ["ab"]);
});

test("a failure is kept as words, and the next search forgets it", async () => {
  let fails = true;
  const list = new List(async () => {
    if (fails) throw new Error("The studio does not answer.");
    return { images: [{ id: "a" }], next: null, total: 1 };
  });
  await list.find({});
  assert.equal(list.error.message, "The studio does not answer.");
  assert.equal(list.isKnown, false);
  fails = false;
  await list.find({});
  assert.equal(list.error, null);
  assert.deepEqual(list.ids, ["a"]);
});
