// A sound or a notification when a long job has ended, or one that nobody was looking at.

import { read, write } from "../shared/store.js";
import { title } from "./queue_words.js";

const LONG_MS = 10_000;
const TONES_HZ = [660, 880];
const TONE_S = 0.18;
const WORDS = { finished: "is ready", failed: "has failed" };

/** The two switches, which are off until somebody sets them. */
export function notices(element, session) {
  const wanted = read("notices", {});
  const begun = new Map();
  for (const input of element.querySelectorAll("input")) {
    const name = input.dataset.notice;
    input.checked = Boolean(wanted[name]) && (name !== "message" || isAllowed());
    input.addEventListener("change", async () => {
      if (name === "message" && input.checked) input.checked = await allowed();
      if (name === "sound" && input.checked) play();
      wanted[name] = input.checked;
      write("notices", wanted);
    });
  }
  const on = (name) => element.querySelector(`[data-notice=${name}]`).checked;
  session.takes.on((id) => begun.set(id, performance.now()));
  session.ends.on(({ id, state, pictures }) => {
    const tookMs = performance.now() - (begun.get(id) ?? 0);
    begun.delete(id);
    if (!(state.state in WORDS) || !(document.hidden || tookMs > LONG_MS)) return;
    if (on("sound")) play();
    if (on("message") && isAllowed()) show(state, pictures);
  });
}

const isAllowed = () => globalThis.Notification?.permission === "granted";

/** Asks the user, at most once: the browser remembers. Only pages behind https, and those of this
 * machine, may ask. */
async function allowed() {
  if (!globalThis.Notification) return false;
  return (await Notification.requestPermission()) === "granted";
}

function show(state, [picture]) {
  const words = picture ? title(picture).slice(0, 120) : (state.message ?? "");
  const note = new Notification(`A picture ${WORDS[state.state]}`, { body: words, tag: "studio" });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
  });
}

let audio = null;

/** Two soft tones. A browser lets a page sound once it was clicked on. */
function play() {
  audio ??= new AudioContext();
  audio.resume();
  TONES_HZ.forEach((pitch, number) => {
    const from = audio.currentTime + number * TONE_S;
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(0.12, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, from + 3 * TONE_S);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 3 * TONE_S);
  });
}
