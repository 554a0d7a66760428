// What the Safety page says, and how its boxes stand for the rules.

export const lines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

const MODES = ["off", "blur", "block"];

/** {ann: "block"} of lines as "ann: block". Throws words for people. */
export function accounts(text) {
  const found = {};
  for (const line of lines(text)) {
    const at = line.lastIndexOf(":");
    const [name, mode] = [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    if (at < 1 || !MODES.includes(mode))
      throw new Error(`“${line}” is no account and what the filter does. Write ann: block.`);
    found[name] = mode;
  }
  return found;
}

export const accountLines = (found) =>
  Object.entries(found)
    .map(([name, mode]) => `${name}: ${mode}`)
    .join("\n");

/** Who may change the rules, to whoever reads it. */
export function ownerWords({ owner, may_change: may }) {
  if (may)
    return owner
      ? `You are the owner, ${owner}: what you set here holds for every account.`
      : "You sit at the machine itself, so what you set here holds for everybody.";
  return owner
    ? `What is allowed here is ${owner}'s to say.`
    : "What is allowed here is said at the machine itself: open this page there.";
}

const FILTERS = {
  off: "No filter looks at your pictures.",
  blur: "What a filter takes for nudity is shown blurred until a click",
  block: "What a filter takes for nudity is not kept",
};

/** What holds for whoever reads it, a sentence each. */
export function factWords(now) {
  const { filter, threshold, watermark, class_mode: isClass } = now;
  const edits = now.source_thumbnail
    ? "a small copy of what it was made from"
    : "only the hash of what it was made from";
  const from = filter === "off" ? "" : `, from a score of ${threshold} on.`;
  return [
    `${FILTERS[filter]}${from}`,
    watermark
      ? "What is drawn carries an invisible mark."
      : "The invisible watermark is switched off: what is drawn here cannot be recognised later.",
    now.credentials
      ? `Its file carries signed credentials (C2PA), that of an edit ${edits}.`
      : "Signed credentials (C2PA) are switched off: files do not say who made them.",
    now.filter_is_fixed && "What the filter does was said when the studio was started.",
    now.source_thumbnail_is_fixed &&
      "What credentials show of an edit was said when the studio was started.",
    isClass && "This is a class: pictures wait until the teacher lets others see them.",
  ].filter(Boolean);
}

/** What a rule of so many days would do now. */
export function goesWords({ pictures, bytes, created }, size) {
  if (!pictures) return "Nothing is so old by now.";
  const many = pictures === 1 ? "1 picture" : `${pictures} pictures`;
  const day = new Date(created).toLocaleDateString(undefined, { dateStyle: "medium" });
  return `${many} (${size(bytes)}), the newest of ${day}, would go to the trash within a day, and 30 days later for good.`;
}
