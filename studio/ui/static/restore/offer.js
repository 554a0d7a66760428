// A quiet offer over the stage: something that just came carries settings.

import { iconButton, make } from "../shared/dom.js";

export class Offer {
  /** `take(reading)` restores it, `details(reading)` shows it. */
  constructor(place, { take, details }) {
    this.place = place;
    this.take = take;
    this.details = details;
    this.turn = 0;
  }

  show(reading, words, title) {
    const act = (work) => () => {
      this.withdraw();
      work(reading);
    };
    const button = (label, className, work) =>
      make("button", { type: "button", className, textContent: label, onclick: act(work) });
    this.place.replaceChildren(
      make("span", { textContent: words, title }),
      button("Restore", "plain restore-yes", this.take),
      button("Details", "plain", this.details),
      iconButton("close", "No, thank you", () => this.withdraw()),
    );
  }

  withdraw() {
    this.turn += 1;
    this.place.replaceChildren();
  }
}
