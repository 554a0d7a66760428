// The library: every picture of the studio, as a tab and as a panel beside the picture.

import { page } from "../shared/pictures.js";
import { isShown, onTab } from "../shared/tabs.js";

export function library(element) {
  const foot = element.querySelector(".library-foot");
  const look = async () => {
    if (!isShown("library")) return;
    const answer = await page({ limit: 1 }).catch((error) => ({ total: error.message }));
    foot.textContent = `${answer.total}`;
  };
  onTab(look);
  look();
}
