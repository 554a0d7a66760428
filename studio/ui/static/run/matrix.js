// A prompt matrix: the parts of a prompt put together in all ways, as a grid.

import { send } from "../shared/server.js";
import { openGrid } from "./grid_view.js";
import { manyForm } from "./many.js";

const PATH = "studio/v1/grids";

const gridOf = ({ margin, ...matrix }, request) => ({ request, matrix, margin });

export function matrix(root, session) {
  manyForm(root, session, "matrix", {
    path: PATH,
    json: (values, request) => (request[values.of].includes("|") ? gridOf(values, request) : null),
    draw: async (values) => {
      const request = await session.request();
      openGrid(await send("POST", PATH, gridOf(values, request)));
    },
  });
}
