// The dialog that says where others find this studio, who one is to it, and who draws.

import { copy } from "../shared/clipboard.js";
import { copyOf, make } from "../shared/dom.js";
import { get } from "../shared/server.js";
import {
  countWords,
  fromWhere,
  loginWords,
  personWords,
  sumWords,
  tunnelWords,
} from "./share_words.js";

const TURN_MS = 2000;

/** The dialog, and the button in the top bar that opens it. */
export function share(element) {
  const dialog = new Share(/** @type {HTMLDialogElement} */ (element));
  document
    .querySelector(".status-bar [data-action=share]")
    .addEventListener("click", () => dialog.open());
}

class Share {
  constructor(root) {
    this.root = root;
    this.shown = ""; // the addresses, to be drawn anew when they change only
    this.timer = 0;
    root.addEventListener("click", (event) => event.target === root && root.close());
    root.querySelector("[data-action=close]").addEventListener("click", () => root.close());
    root.addEventListener("keydown", (event) => event.stopPropagation());
    root.addEventListener("close", () => clearTimeout(this.timer));
  }

  find(name) {
    return this.root.querySelector(`.share-${name}`);
  }

  async open() {
    this.find("said").textContent = "";
    await this.look();
    this.root.showModal();
    this.turn();
  }

  /** While it is open: jobs come and end, a tunnel opens. */
  turn() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      if (!document.hidden) await this.look();
      if (this.root.open) this.turn();
    }, TURN_MS);
  }

  async look() {
    try {
      this.draw(await get("studio/v1/share"));
      this.find("fault").textContent = "";
    } catch (error) {
      this.find("fault").textContent = error.message;
    }
  }

  draw(told) {
    this.drawAddresses(told.addresses);
    this.find("network").hidden = told.addresses.length > 0;
    const tunnel = tunnelWords(told.tunnel);
    this.find("tunnel").hidden = !tunnel;
    this.find("tunnel").textContent = tunnel;
    this.find("anywhere").hidden = told.tunnel !== null;
    this.find("login").textContent = loginWords(told);
    this.find("sum").textContent = sumWords(told);
    this.find("people").replaceChildren(
      ...told.people.map((one) =>
        make("li", {}, make("span", { textContent: personWords(one) }), countWords(one)),
      ),
    );
  }

  drawAddresses(addresses) {
    const shown = JSON.stringify(addresses);
    if (shown === this.shown) return;
    this.shown = shown;
    this.find("where").hidden = addresses.length === 0;
    const rows = addresses.map((one) => this.row(one));
    this.root.classList.toggle("one", rows.length === 1);
    this.find("where")
      .querySelector("ul")
      .replaceChildren(...rows);
    if (addresses.length > 0) this.choose(rows[0], addresses[0]);
  }

  row(address) {
    const row = copyOf("share-address");
    row.querySelector("b").textContent = address.url;
    row.querySelector("small").textContent = fromWhere(address);
    row.querySelector("input").addEventListener("change", () => this.choose(row, address));
    const button = row.querySelector("button");
    button.setAttribute("aria-label", `Copy ${address.url}`);
    button.addEventListener("click", () => this.copy(address.url));
    return row;
  }

  /** Its QR code is shown. */
  choose(row, { url, qr }) {
    row.querySelector("input").checked = true;
    const code = this.find("code");
    code.src = qr;
    code.alt = `QR code of ${url}`;
  }

  async copy(url) {
    const done = await copy(url, this.root);
    this.find("said").textContent = done
      ? "Copied"
      : "The browser did not let it be copied. Select the address instead.";
  }
}
