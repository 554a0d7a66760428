// Values that tell when they change.

/**
 * `value` can be read and set; whoever called `on` hears of each change, in the order of their
 * calls. `tell(detail)` says that something inside it changed.
 * @template T
 * @param {T} [value]
 */
export function signal(value) {
  /** @type {Set<(detail: any) => void>} */
  const listeners = new Set();
  const tell = (/** @type {any} */ detail) => {
    for (const listener of [...listeners]) listener(detail);
  };
  return {
    get value() {
      return value;
    },
    set value(next) {
      if (Object.is(next, value)) return;
      value = next;
      tell(next);
    },
    tell,
    /** Call `listener(value)`, or with what `tell` says; the answer ends it. */
    on(/** @type {(detail: any) => void} */ listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Call `work` now, and again after each change of `signals`. */
export function whenever(signals, work) {
  for (const one of signals) one.on(() => work());
  work();
}
