// What is done with pictures of the library, each with its way back.

import { takeUp } from "../restore/take_up.js";
import { send } from "../run/send_to.js";
import { fileAt, save } from "../shared/exports.js";
import * as pictures from "../shared/pictures.js";
import { labelOf } from "../shared/task.js";
import { confirm, write } from "./ask.js";

const ZIPPED = 500; // as many addresses as a request may hold

export const many = (count) => (count === 1 ? "1 picture" : `${count.toLocaleString()} pictures`);

export class Actions {
  /** `say(words, undo)` tells what was done; `viewer` is the place of the picture. */
  constructor(say, viewer) {
    this.say = say;
    this.viewer = viewer;
  }

  /** Do it; what goes wrong is told in words. */
  async trying(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message);
    }
  }

  /** Set fields of each, and offer to set them back. `fieldsOf(one)` are the new ones. */
  async change(entries, fieldsOf, words) {
    const changes = entries.map((one) => [one.id, fieldsOf(one)]);
    const [[, sample]] = changes;
    const earlier = entries.map((one) => [
      one.id,
      Object.fromEntries(Object.keys(sample).map((name) => [name, one[name]])),
    ]);
    await this.trying(async () => {
      await pictures.changeEach(changes);
      this.say(words, () => pictures.changeEach(earlier));
    });
  }

  /** All get a star; if all have one, it is taken away. */
  star(entries) {
    const starred = !entries.every((one) => one.starred);
    const words = starred ? "Starred" : "Without a star";
    return this.change(entries, () => ({ starred }), `${words}: ${many(entries.length)}`);
  }

  /** All onto the board `name`; if all are on it, off. */
  board(entries, name) {
    const isOn = entries.every((one) => one.boards.includes(name));
    const others = (one) => one.boards.filter((other) => other !== name);
    const count = many(entries.length);
    return this.change(
      entries,
      (one) => ({ boards: isOn ? others(one) : [...others(one), name] }),
      isOn ? `${count} taken off ${name}` : `${count} put on ${name}`,
    );
  }

  async newBoard(entries) {
    const name = await write({
      title: "New board",
      words: `It begins with ${many(entries.length)}.`,
      label: "Name of the board",
      answer: "Make it",
      most: 100,
    });
    if (name) await this.board(entries, name);
  }

  async note([one]) {
    const note = await write({
      title: "Note",
      words: "The search finds its words.",
      label: "Note",
      value: one.note,
      answer: "Keep it",
      most: 10000,
      isLong: true,
    });
    if (note !== null && note !== one.note) await this.change([one], () => ({ note }), "Note kept");
  }

  trash(entries) {
    const ids = entries.map((one) => one.id);
    const words = `${many(ids.length)} moved to the trash`;
    return this.trying(async () => {
      await pictures.trash(ids);
      this.say(words, () => pictures.restore(ids));
    });
  }

  restore(entries) {
    const ids = entries.map((one) => one.id);
    return this.trying(async () => {
      await pictures.restore(ids);
      this.say(`${many(ids.length)} restored`, () => pictures.trash(ids));
    });
  }

  async remove(entries) {
    const count = many(entries.length);
    const question = {
      title: `Delete ${count} for ever?`,
      words: "The files are deleted. Nothing brings them back.",
      answer: "Delete for ever",
    };
    if (!(await confirm(question))) return;
    await this.trying(async () => {
      await pictures.remove(entries.map((one) => one.id));
      this.say(`${count} deleted`);
    });
  }

  /** All that lies in the trash, which `list` shows. */
  async empty(list) {
    const total = list.total;
    const question = {
      title: "Empty the trash?",
      words: `${many(total)} will be deleted. Nothing brings them back.`,
      answer: "Empty the trash",
    };
    if (total === 0 || !(await confirm(question))) return;
    await this.trying(async () => {
      const { erased } = await pictures.emptyTrash();
      const left = total - erased;
      this.say(left > 0 ? `${many(erased)} deleted; ${left} of others stay` : "The trash is empty");
    });
  }

  download(entries) {
    const [one] = entries;
    if (entries.length === 1) return save(fileAt(one.url));
    const ids = entries.map(({ id }) => id);
    for (let at = 0; at < ids.length; at += ZIPPED) {
      save(pictures.archiveOf(ids.slice(at, at + ZIPPED)));
    }
    this.say(`${many(ids.length)} as a zip`);
  }

  /** All that `list` has, as a zip, or as several. */
  export(list) {
    return this.trying(async () => {
      await list.reach(list.total);
      this.download(list.entries);
    });
  }

  /** In the place of the picture; of `picture` all is known that `details` tells. */
  show(picture) {
    return this.viewer.browse({ ...picture, size: [picture.width, picture.height] });
  }

  send([one], kind) {
    return this.trying(async () => {
      const isAsDrawn = ["text_to_image", "details"].includes(kind); // with its settings
      const picture = isAsDrawn ? await pictures.details(one.id) : one;
      await send(picture, [one.width, one.height], kind, this.viewer.offers);
    });
  }

  /** Everything as it was when this one was made; of a batch this one alone. */
  apply([{ id }]) {
    return this.trying(async () => {
      const { request, ...picture } = await pictures.details(id);
      if (!request) {
        this.say("This picture does not tell what made it.");
        return;
      }
      const one = { ...picture, request: { ...request, batch_size: 1 } };
      await this.show(one);
      await takeUp(one, this.viewer.offers);
    });
  }
}

export const sendWords = (kind) => (kind === "controlnet" ? "ControlNet" : labelOf(kind));
