// Asking for what changes faster than it is answered.

/**
 * A function to call after each change: `work` is done `pause_ms` after the last call, never twice at
 * once; what comes while it is under way is worked on once, right after it. Its `drop()` takes back
 * what has not begun.
 * @param {() => Promise<void>} work
 */
export function newest(work, pause_ms) {
  let timer = 0;
  let isBusy = false;
  let isDue = false;
  const turn = async () => {
    if (isBusy) {
      isDue = true;
      return;
    }
    isBusy = true;
    try {
      await work();
    } finally {
      isBusy = false;
      if (isDue) {
        isDue = false;
        turn();
      }
    }
  };
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(turn, pause_ms);
  };
  ask.drop = () => {
    clearTimeout(timer);
    isDue = false;
  };
  return ask;
}
