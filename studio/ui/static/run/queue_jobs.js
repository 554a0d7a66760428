// What can be asked of the studio about its queue.

import { get, send } from "../shared/server.js";

const JOBS = "studio/v1/jobs";
const place = (id, rest = "") => `${JOBS}/${encodeURIComponent(id)}${rest}`;

/** {jobs, next}: those under way, those that wait in their order, then those that have ended,
 * newest first; `mine` leaves out those of other accounts. */
export function list({ limit, mine = false }) {
  return get(`${JOBS}?limit=${limit}${mine ? "&mine=1" : ""}`);
}

/** To `position` among those that wait, 0 being the next. */
export const move = (id, position) => send("PATCH", place(id), { position });

/** The same once more; its id. */
export const again = (id) => send("POST", place(id, "/again")).then((answer) => answer.id);

/** A job with its request and the infotext of its pictures. */
export const describe = (id) => get(place(id));

export const cancel = (id) => send("POST", place(id, "/cancel"));

/** Out of the list; its pictures stay. */
export const forget = (id) => send("DELETE", place(id));

/** Begin no more jobs, or begin them again. */
export const pause = (isPaused) => send("POST", `studio/v1/queue/${isPaused ? "pause" : "resume"}`);
