// The request's task on its way to the server: what the scripts know of it goes into one unseen
// component, beside the controls of the form.

import { ready as unitsReady } from "../control/units.js";
import { ready } from "../canvas/sources.js";
import { isEditing, task as current } from "../shared/task.js";

let props = null;

export function task(part) {
  props = part.props;
}

/** The present task: its `kind`, and a promise of its `part`, what it begins with. It fails with
 * words for people where something lacks, there or in a ControlNet unit. */
export function collected() {
  const kind = current();
  const part = isEditing() ? ready(kind) : Promise.resolve({});
  return { kind, part: part.then((own) => unitsReady().then(() => own)) };
}

/** Make `task` part of what the form sends next. */
export function put(task) {
  props.value = task;
}
