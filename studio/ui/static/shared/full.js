// Full screen: the picture, its tools, and the bar with prompt and Generate, which floats over the
// lower edge and goes when nothing moves. Where a browser gives no screen it fills the window.

const REST_MS = 3000;

let rest = 0;

export const isFull = () => document.body.classList.contains("full");

export function toggleFull() {
  if (isFull()) leaveFull();
  else enter();
}

export function leaveFull() {
  if (!isFull()) return false;
  document.body.classList.remove("full", "resting");
  clearTimeout(rest);
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  return true;
}

function enter() {
  document.body.classList.add("full");
  wake();
  document.documentElement.requestFullscreen?.().catch(() => {});
}

function wake() {
  clearTimeout(rest);
  if (!isFull()) return;
  document.body.classList.remove("resting");
  rest = setTimeout(() => document.body.classList.add("resting"), REST_MS);
}

export function bindFull() {
  for (const name of ["pointermove", "pointerdown", "keydown", "focusin"])
    document.addEventListener(name, wake, { passive: true, capture: true });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) leaveFull();
  });
}
