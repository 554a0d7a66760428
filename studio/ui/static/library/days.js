// Days as the library names them, in the time of whoever looks.

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { weekday: "long", day: "numeric", month: "long" };
/** @type {Intl.DateTimeFormatOptions} */
const TIME = { hour: "2-digit", minute: "2-digit" };
const two = (number) => String(number).padStart(2, "0");

const keyOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

const known = new Map();

/** The day of `created` (ISO 8601), as YYYY-MM-DD. Pictures of one hour are asked about often. */
export function dayOf(created) {
  const hour = created.slice(0, 13);
  // Where the clock is shifted by half an hour an hour belongs to two days: ask for each minute.
  const key = new Date().getTimezoneOffset() % 60 === 0 ? hour : created;
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
  const isThisYear = year === now.getFullYear();
  const words = then.toLocaleDateString("en-GB", isThisYear ? DAY : { ...DAY, year: "numeric" });
  return words.replace(",", "");
}

export const timeWords = (created) => {
  const date = new Date(created);
  return `${dayWords(keyOf(date))}, ${date.toLocaleTimeString("en-GB", TIME)}`;
};

/** When the day `date` (YYYY-MM-DD) begins here, as ISO 8601 in UTC; `after` days later. */
export function beginOf(date, after = 0) {
  const [year, month, day] = date.split("-").map(Number);
  return new Date(year, month - 1, day + after).toISOString();
}
