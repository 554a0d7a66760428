// The newest pictures of the library, newest first.

import { signal } from "./signals.js";

export const results = signal([]);
