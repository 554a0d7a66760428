// The way to the studio of something that is painted: a while after the hand has rested, again where
// it failed, and at once where a request needs it.

const UPLOAD_MS = 400;
const RETRY_MS = 5000;

/** Who extends it says what it is `dirty` by, and how to `send`. */
export class UploadsLater {
  /** `what` it is, in words. */
  constructor(what) {
    this.what = what;
  }

  /** Is what is there not yet on the server? */
  get dirty() {
    return false;
  }

  async send() {}

  schedule(after_ms = UPLOAD_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.upload().catch(() => {}), after_ms);
  }

  /** Until what is there now is on the server. Two at once share one way. */
  async upload() {
    clearTimeout(this.timer);
    while (this.dirty) {
      this.uploading ??= this.uploadOnce().finally(() => {
        this.uploading = null;
      });
      await this.uploading;
    }
  }

  async uploadOnce() {
    try {
      await this.send();
    } catch (error) {
      this.schedule(RETRY_MS);
      throw new Error(`The ${this.what} cannot be sent: ${error.message}`);
    }
  }
}
