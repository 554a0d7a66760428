// A row that scrolls sideways shows that it goes on: its edge fades, with an arrow that moves it there.

import { icon, make } from "./dom.js";

const SHARE = 0.7; // of what is in sight, a press
const ROUNDING_PX = 4;

export function edges(row) {
  const arrow = (side) =>
    make(
      "button",
      {
        "type": "button",
        "className": `edge edge-${side}`,
        "tabIndex": -1,
        "aria-hidden": "true", // the keys get to what it leads to by themselves
        "onclick": () =>
          row.scrollBy({
            left: (side === "after" ? SHARE : -SHARE) * row.clientWidth,
            behavior: "smooth",
          }),
      },
      icon("chevron"),
    );
  const [before, after] = [arrow("before"), arrow("after")];
  row.prepend(before);
  row.append(after);
  const look = () => {
    const left = Math.round(row.scrollLeft);
    before.classList.toggle("on", left > 1);
    after.classList.toggle("on", left + row.clientWidth < row.scrollWidth - ROUNDING_PX);
  };
  row.addEventListener("scroll", look, { passive: true });
  row.addEventListener(
    "wheel",
    (event) => {
      if (event.deltaX || row.scrollWidth <= row.clientWidth) return;
      row.scrollLeft += event.deltaY;
    },
    { passive: true },
  );
  const resized = new ResizeObserver(look);
  resized.observe(row);
  for (const one of row.children) resized.observe(one);
}
