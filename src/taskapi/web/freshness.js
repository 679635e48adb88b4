// When to ask whether anything is another: after own changes, when the tab wakes, and every ten seconds while it is
// looked at. What has not changed is answered by 304 from the server's memory.

import { accessEvents } from "./access.js";
import { taskEvents } from "./tasks.js";

const EVERY_MS = 10_000;
const SETTLE_MS = 250;

/** Call `ask` whenever it is time; many reasons at once are one. */
export function keepFresh(ask) {
  let waiting = null;
  const soon = (milliseconds) => {
    waiting ??= setTimeout(() => {
      waiting = null;
      if (!document.hidden) ask();
    }, milliseconds);
  };
  taskEvents.on("moved", () => soon(SETTLE_MS));
  accessEvents.on("changed", () => soon(SETTLE_MS));
  addEventListener("online", () => soon(0));
  addEventListener("focus", () => soon(0));
  document.addEventListener("visibilitychange", () => soon(0));
  setInterval(() => soon(0), EVERY_MS);
}
