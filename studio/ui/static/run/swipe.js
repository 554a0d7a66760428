// A finger that moves the result aside, as on a phone: the next picture comes from that side.

const LEAST_PX = 56; // that a finger goes for another picture
const BEGIN_PX = 10;

/** `may(event)`: whether a finger put down there may move the picture aside; `step(1)` shows the next
 * one, `step(-1)` the one before. */
export function swipes(port, { may, step }) {
  let finger = null; // {id, x, y, isAside}
  const shift = (px) => port.style.setProperty("--aside", `${px}px`);
  const end = () => {
    finger = null;
    shift(0);
  };
  port.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    const isFirst = finger === null && event.isPrimary;
    end(); // a second finger zooms
    if (isFirst && may(event))
      finger = { id: event.pointerId, x: event.clientX, y: event.clientY, isAside: false };
  });
  port.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (finger?.id !== pointerId) return;
    const [across, down] = [clientX - finger.x, clientY - finger.y];
    if (!finger.isAside && Math.abs(down) > Math.max(BEGIN_PX, Math.abs(across))) end();
    else if (Math.abs(across) > BEGIN_PX) finger.isAside = true;
    if (finger?.isAside) shift(across);
  });
  port.addEventListener("pointerup", ({ pointerId, clientX }) => {
    if (finger?.id !== pointerId) return;
    const across = finger.isAside ? clientX - finger.x : 0;
    end();
    if (Math.abs(across) >= LEAST_PX) step(across < 0 ? 1 : -1);
  });
  port.addEventListener("pointercancel", end);
}
