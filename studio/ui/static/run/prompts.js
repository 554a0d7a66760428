// Prompts on the lines of a text: each is drawn, with what else its line says.

import { send } from "../shared/server.js";
import { showView } from "../shared/views.js";
import { manyForm } from "./many.js";

const PATH = "studio/v1/jobs/prompts";

export function prompts(root, session) {
  const text = root.querySelector("textarea");
  const input = root.querySelector("input[type=file]");
  root.querySelector("[data-action=file]").addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    text.value = await input.files[0].text();
    input.value = "";
    text.dispatchEvent(new Event("input"));
  });
  manyForm(root, session, "prompts", {
    path: PATH,
    json: (values, request) => (values.text.trim() ? { request, ...values } : null),
    draw: async (values) => {
      const request = await session.request();
      const { jobs } = await send("POST", PATH, { request, ...values });
      showView("result");
      for (const id of jobs) session.take(id);
    },
  });
}
