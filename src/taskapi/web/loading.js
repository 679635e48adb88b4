// Parts of screens that come by a call: what stands there until then, and what keeps still while they are read anew.

import { fill, h } from "./dom.js";
import { t } from "./language.js";
import { reason } from "./notices.js";

// What comes sooner needs no sign that it is coming; one that flickers would be worse than none.
const PATIENCE_MS = 150;

/**
 * Load for the first time. Until `load` is through, `state` shows that it lasts; where it fails, why and a way to try
 * again. `isDealtWith(problem)` may take a failure over.
 */
export async function firstLoad(state, load, isDealtWith = async () => false) {
  const sign = () => fill(state, h("div.spinner", { role: "img", "aria-label": t("loading") }));
  const timer = setTimeout(sign, PATIENCE_MS);
  try {
    await load();
    fill(state);
  } catch (problem) {
    if (problem.name === "AbortError" || (await isDealtWith(problem))) return;
    const again = () => firstLoad(state, load, isDealtWith);
    const retry = h("button.quiet", { type: "button", onclick: again }, t("try_again"));
    fill(state, h("div.empty", {}, h("p.problem", { role: "alert" }, reason(problem)), retry));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Put other lines into a list, and let the focus stay on what it was on: elements are known by `data-of`, never by
 * their place, lest the next Enter hit a neighbour. Where it is gone, what `otherwise()` answers has the focus.
 */
export function refill(list, lines, otherwise) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.of : undefined;
  fill(list, lines);
  if (focused === undefined) return;
  const same = [...list.querySelectorAll("[data-of]")].find((one) => one.dataset.of === focused);
  (same ?? otherwise()).focus();
}
