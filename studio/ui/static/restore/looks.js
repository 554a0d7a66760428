// Does a text, or a file, look as if it held settings? Knows no page.

export const MOST_BYTES = 64 * 2 ** 20;
const MOST_JSON = 4e6;
const SETTINGS = /(^|\n)\s*Steps: \d+, /;

/** May a text be AUTOMATIC1111's infotext, or JSON of ours or of ComfyUI? */
export function looksLikeSettings(text) {
  if (SETTINGS.test(text)) return true;
  if (!text.trimStart().startsWith("{") || text.length > MOST_JSON) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // "{red|blue} house" is a prompt
  }
}

/** Why a file is not read: words for people, "" where it may be. */
export function refusal({ name, size, type }) {
  const called = name || "This file";
  if (size === 0) return `${called} is empty.`;
  const megabytes = Math.ceil(size / 2 ** 20);
  if (size > MOST_BYTES)
    return `${called} has ${megabytes} MB. Of files up to ${MOST_BYTES / 2 ** 20} MB the settings can be read.`;
  if (/^(video|audio)\//.test(type)) return `${called} is no picture and no text.`;
  return "";
}
