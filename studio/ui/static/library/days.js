// Days as the library names them, in the time of whoever looks.

// Made once: a format costs a hundred times what it formats.
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
/** Where the clock is shifted by half an hour, an hour belongs to two days. */
const isHalf = new Date().getTimezoneOffset() % 60 !== 0;
const two = (number) => String(number).padStart(2, "0");

const keyOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

const known = new Map();

/** The day of `created` (ISO 8601), as YYYY-MM-DD. Those of one hour have one. */
export function dayOf(created) {
  const key = isHalf ? created : created.slice(0, 13);
  let day = known.get(key);
  if (day === undefined) {
    day = keyOf(new Date(created));
    known.set(key, day);
  }
  return day;
}

/** What stands above the pictures of a day. */
export function dayWords(day, now = new Date()) {
  const [year, month, date] = day.split("-").map(Number);
  const then = new Date(year, month - 1, date);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (day === keyOf(now)) return "Today";
  if (day === keyOf(yesterday)) return "Yesterday";
  const format = year === now.getFullYear() ? DAY : DAY_OF_YEAR;
  return format.format(then).replace(",", "");
}

export const timeWords = (created) => {
  const date = new Date(created);
  return `${dayWords(keyOf(date))}, ${two(date.getHours())}:${two(date.getMinutes())}`;
};

/** When the day `date` (YYYY-MM-DD) begins here, as ISO 8601 in UTC; `after` days later. */
export function beginOf(date, after = 0) {
  const [year, month, day] = date.split("-").map(Number);
  return new Date(year, month - 1, day + after).toISOString();
}
