// The pictures that came last.

import { signal } from "./signals.js";

export const results = signal([]);
