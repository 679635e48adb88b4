// Filters above a table, which stand in the address: what is typed or chosen goes there, what comes from there is shown.

import { h } from "./dom.js";
import { t } from "./language.js";
import { adjust } from "./router.js";

const TYPING_MS = 250;

/**
 * A bar around controls, each with the name of its parameter. `search` names one that is taken while it is typed, and
 * `isRight(control)` may hold back what cannot be asked for.
 */
export function filterBar(content, { search = null, isRight = () => true } = {}) {
  const bar = h("form.table-bar", { role: "search" }, content);
  const controls = [...bar.elements].filter((one) => one.name);
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
    adjust(Object.fromEntries(controls.map(({ name }) => [name, null])));
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
      // What somebody is typing is newer than the address.
      if (timer === null && control.value.trim() !== given) control.value = given;
    }
    clear.hidden = !controls.some(({ name }) => params.get(name));
  };
  return { bar, show, close: () => clearTimeout(timer) };
}
