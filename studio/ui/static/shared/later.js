// Tabs that most visits never open: HTML, style and script of one come when it is shown first, and cost
// the first paint nothing. `LATER` of ui/bundle.py names them.

import { asset, data } from "./data.js";
import { make } from "./dom.js";
import { ask } from "./server.js";
import { isShown, onTab } from "./tabs.js";

/** The place of one of them; `session` is handed to what its script exports as `open`. */
export function later(element, session) {
  const { name } = element.dataset;
  let asked = false;
  const show = () => {
    element.hidden = !isShown(name);
    if (!element.hidden) document.body.dataset.later = name;
    else if (document.body.dataset.later === name) delete document.body.dataset.later;
    if (element.hidden || asked) return;
    asked = true;
    come().catch(failed);
  };

  async function come() {
    element.setAttribute("aria-busy", "true");
    const html = ask(`${data.folder}/${name}.html`, { cache: "default" }).then((one) => one.text());
    const script = import(asset(`${name}.js`));
    const [text, { open }] = await Promise.all([html, script, styled(name)]);
    element.innerHTML = text;
    element.removeAttribute("aria-busy");
    open(element, session);
  }

  function failed(error) {
    asked = false;
    element.removeAttribute("aria-busy");
    const again = make("button", { type: "button", className: "plain framed" }, "Try again");
    again.addEventListener("click", show);
    const words = `This part of the page did not come. ${error.message}`;
    element.replaceChildren(make("p", { className: "later-failed", role: "alert" }, words), again);
  }

  onTab(show);
  show();
}

function styled(name) {
  const link = make("link", { rel: "stylesheet", href: asset(`${name}.css`) });
  return new Promise((done, fail) => {
    link.addEventListener("load", done);
    link.addEventListener("error", () => fail(new Error("Its style is missing.")));
    document.head.append(link);
  });
}
