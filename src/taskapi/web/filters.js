// Filters above a table. They stand in the address: what is typed or chosen goes there, what comes from there is shown.

import { h } from "./dom.js";
import { t } from "./language.js";
import { adjust } from "./router.js";

const TYPING_MS = 250;

/**
 * A bar around controls, each with the name of its parameter. `search` names one that is taken while it is typed, and
 * `isRight(control)` may hold back what cannot be asked for, and say so at it.
 */
export function filterBar(content, { search = null, isRight = () => true } = {}) {
  const bar = h("form.table-bar", { role: "search" }, content);
  const controls = [...bar.elements].filter((one) => one.name);
  const narrowing = controls.filter(({ name }) => name !== "sort");
  const said = new Map();
  const clear = h("button.quiet", { type: "button", hidden: true, onclick: () => empty() }, t("admin_clear"));
  bar.append(clear);
  let timer = null;
  const send = (control) => {
    clearTimeout(timer);
    timer = null;
    if (isRight(control)) adjust({ [control.name]: control.value.trim() || null }, { replace: true });
  };
  const empty = () => {
    controls[0].focus();
    for (const control of narrowing) {
      control.value = "";
      isRight(control);
    }
    adjust(Object.fromEntries(narrowing.map(({ name }) => [name, null])));
  };
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("change", ({ target }) => send(target));
  bar.addEventListener("input", ({ target }) => {
    if (target.name !== search) return;
    clearTimeout(timer);
    timer = setTimeout(() => send(target), TYPING_MS);
  });
  const show = (params) => {
    for (const control of controls) {
      const given = params.get(control.name) ?? "";
      // What the address says as before leaves alone what somebody types, be it right or not yet.
      if (given === said.get(control.name)) continue;
      said.set(control.name, given);
      if (timer === null && control.value.trim() !== given) control.value = given;
      if (bar.isConnected) isRight(control);
    }
    clear.hidden = !narrowing.some(({ name }) => params.get(name));
  };
  return { bar, show, close: () => clearTimeout(timer) };
}
