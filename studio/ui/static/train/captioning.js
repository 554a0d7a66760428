// Captions by a network that the user has: begun, shown as they come, ended.

import { follow } from "../shared/server.js";

const BEGIN = "Caption all without one";
const END = "Stop captioning";

export class Captioning {
  /**
   * of.place()  the route of the set
   * of.trying(work)  does it, and tells what goes wrong
   * of.show(file, caption)  is called with each that was written
   * of.look()  shows the set anew, when it has ended
   * of.say(text)  tells how far it is
   */
  constructor(button, of) {
    this.button = button;
    this.of = of;
    /** @type {AbortController | null} */
    this.going = null;
    button.addEventListener("click", () => {
      if (this.going) this.stop();
      else of.trying(() => this.begin());
    });
  }

  stop() {
    this.going?.abort();
  }

  async begin() {
    let written = 0;
    this.going = new AbortController();
    const { signal } = this.going;
    this.button.textContent = END;
    this.of.say("The captioner is read.");
    try {
      const told = ({ file, caption, done, total }) => {
        if (signal.aborted) return;
        this.of.show(file, caption);
        written = done;
        this.of.say(`Captioned ${done} of ${total}.`);
      };
      await follow(this.of.place(), {}, told, signal);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    } finally {
      this.going = null;
      this.button.textContent = BEGIN;
      this.of.say(written === 1 ? "1 caption written." : `${written} captions written.`);
    }
    await this.of.look();
  }
}
