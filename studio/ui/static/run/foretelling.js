// What many pictures would come to, in words, asked for once the hand rests.

import { ask } from "../shared/server.js";
import { duration } from "../shared/words.js";

const REST_MS = 400;

/**
 * `wanted()` says what is to be asked, {path, json}, or null where there is nothing to ask;
 * `say(words, isBad)` shows the answer.
 */
export function foretelling(wanted, say) {
  let timer = 0;
  let asking = new AbortController();
  const stop = () => {
    clearTimeout(timer);
    asking.abort();
  };
  const look = async () => {
    const { path, json } = wanted();
    asking = new AbortController();
    try {
      const given = { method: "POST", json, signal: asking.signal };
      const { count, seconds } = await (await ask(path, given)).json();
      const pictures = `${count} picture${count === 1 ? "" : "s"}`;
      say(seconds === null ? pictures : `${pictures}, about ${duration(seconds)}`, false);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, true);
    }
  };
  const soon = () => {
    stop();
    if (wanted()) timer = setTimeout(look, REST_MS);
    else say("", false);
  };
  return { soon, stop };
}
