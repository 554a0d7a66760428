// Where a picture comes from, as far as the studio can tell: its first sentence, and all of them.

import { make } from "../shared/dom.js";
import { ask } from "../shared/server.js";

export class Origin {
  /** `details` holds a summary and a list. */
  constructor(details) {
    this.details = details;
    this.summary = details.querySelector("summary");
    this.list = details.querySelector("ul");
    this.turn = 0;
  }

  /** Say it of a File; null: there is nothing to say it of. */
  async look(file) {
    const turn = ++this.turn;
    this.details.hidden = file === null;
    this.details.open = false;
    if (file === null) return;
    this.say("Looking where it comes from…", []);
    const [first, ...more] = await told(file);
    if (turn === this.turn) this.say(first, more);
  }

  say(first, more) {
    this.summary.textContent = first;
    this.list.replaceChildren(...more.map((textContent) => make("li", { textContent })));
  }
}

async function told(file) {
  try {
    const answer = await ask("studio/v1/verify", { method: "POST", body: file });
    return (await answer.json()).words;
  } catch (error) {
    return [`Where it comes from is not known: ${error.message}`];
  }
}
