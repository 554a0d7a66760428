// Where the owner wants it, whoever has a picture drawn over in which a face is found is asked first.

import { send } from "../shared/server.js";
import { question } from "./forecast.js";

const WORDS =
  "A face is in this picture. Do the people in it agree to its being changed? Your answer is written into the log of this studio.";
const ANSWERS = { title: "A face is in this picture", yes: "They agree", no: "Not now" };

/** What `submit()`, which sends `request`, gives: at once, or after a yes. Throws words for people. */
export async function consented(request, submit) {
  try {
    return await submit();
  } catch (error) {
    if (error.kind !== "ConsentNeeded") throw error;
    if (!(await question(WORDS, ANSWERS)))
      throw new Error("Not drawn: nobody said that the people in the picture agree.");
    await send("POST", "studio/v1/safety/consents", { image: request.task.image });
    return submit();
  }
}
