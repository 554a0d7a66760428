// Which jobs this tab follows. Remembered over a reload; a tab that closes leaves its jobs to the
// next one that opens.

import { read, write } from "../shared/store.js";

const ABANDONED_MS = 15000;

let mine = [];
let isLeaving = false;
let touchedMs = 0;

const all = () => read("jobs", {});

function update(change) {
  const jobs = all();
  change(jobs);
  write("jobs", jobs);
}

export const current = () => mine[0] ?? null;
export const waiting = () => Math.max(0, mine.length - 1);

export const has = (id) => mine.includes(id);

/** Let `id`, which is ours, be the one that is followed. */
export function putFirst(id) {
  mine = [id, ...mine.filter((one) => one !== id)];
}

export function add(id) {
  mine.push(id);
  touchedMs = 0;
  touch();
}

export function remove(id) {
  mine = mine.filter((one) => one !== id);
  update((jobs) => delete jobs[id]);
}

/** Say that this tab still follows its jobs. */
export function touch() {
  if (isLeaving || Date.now() - touchedMs < 1000) return;
  touchedMs = Date.now();
  update((jobs) => {
    for (const id of mine) jobs[id] = Date.now();
  });
}

/** Take over jobs that no tab follows any more, oldest first. */
export function adopt() {
  const orphans = Object.entries(all()).filter(([, seen]) => Date.now() - seen > ABANDONED_MS);
  mine = [...new Set([...mine, ...orphans.map(([id]) => id)])];
  touchedMs = 0;
  touch();
}

addEventListener("pagehide", () => {
  isLeaving = true;
  update((jobs) => {
    for (const id of mine) jobs[id] = 0;
  });
});

addEventListener("pageshow", () => {
  isLeaving = false;
  touchedMs = 0;
  touch();
});
