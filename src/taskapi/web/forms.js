// Forms: a field with its label and its fault, and a button that waits.

import { fill, freshId, h } from "./dom.js";
import { t } from "./language.js";
import { fieldOf, reason } from "./notices.js";

/** A field with its label: `control` is an input, select or textarea with a name. */
export function field(label, control, hint = null) {
  const id = control.id || freshId("field");
  control.id = id;
  const fault = h("p.fault", { id: `${id}-fault`, hidden: true });
  const described = [`${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
  control.setAttribute("aria-describedby", described);
  return h("div.field", {}, h("label", { for: id }, label), control, hint && h("p.hint", { id: `${id}-hint` }, hint), fault);
}

export const input = (name, given = {}) => h("input", { name, type: "text", autocomplete: "off", ...given });

/** A list to choose one of: [value, label] each. */
export function select(name, options, chosen, given = {}) {
  const made = h("select", { name, ...given }, options.map(([value, label]) => h("option", { value }, label)));
  made.value = chosen;
  return made;
}

/** A password that can be looked at. */
export function password(name, label, autocomplete, hint = null) {
  const control = input(name, { type: "password", autocomplete, required: true, maxlength: 256, dir: "ltr" });
  const eye = h("button.bare.eye", { type: "button", "aria-pressed": "false" }, t("show"));
  eye.addEventListener("click", () => {
    const isShown = control.type === "password";
    control.type = isShown ? "text" : "password";
    eye.setAttribute("aria-pressed", String(isShown));
    fill(eye, isShown ? t("hide") : t("show"));
  });
  const made = field(label, control, hint);
  made.querySelector("label").after(h("div.with-eye", {}, control, eye));
  return made;
}

/**
 * A form whose `act(values)` is called when it is sent. While that lasts the button waits; a refusal is shown at the
 * fields that it names, or above the button, and nothing typed is lost.
 */
export function form(fields, button, act, { after = null, isDanger = false } = {}) {
  const problem = h("p.problem", { role: "alert", hidden: true });
  const submit = h(`button.${isDanger ? "danger" : "main"}`, { type: "submit" }, button);
  const made = h("form", { novalidate: true }, fields, problem, h("div.acts", {}, submit, after));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    clear(made, problem);
    if (!isFilled(made)) return;
    submit.setAttribute("aria-disabled", "true");
    try {
      await act(Object.fromEntries(new FormData(made)), made);
    } catch (refusal) {
      show(made, problem, refusal);
    } finally {
      submit.removeAttribute("aria-disabled");
    }
  });
  return made;
}

/** Say at a field what is wrong with it. */
export function blame(made, name, text) {
  const control = made.elements[name];
  control.setAttribute("aria-invalid", "true");
  const fault = document.getElementById(`${control.id}-fault`);
  fill(fault, text);
  fault.hidden = false;
}

function isFilled(made) {
  const empty = [...made.elements].filter((control) => control.required && !control.value.trim());
  for (const control of empty) blame(made, control.name, t("is_needed"));
  empty[0]?.focus();
  return empty.length === 0;
}

function show(made, problem, refusal) {
  const named = (refusal.faults ?? []).filter((fault) => made.elements[fault.pointer.replace(/^\//, "")]);
  for (const fault of named) blame(made, fault.pointer.replace(/^\//, ""), `${fieldOf(fault.pointer)} ${fault.detail}.`);
  if (named.length) {
    made.elements[named[0].pointer.replace(/^\//, "")].focus();
    return;
  }
  fill(problem, reason(refusal));
  problem.hidden = false;
}

function clear(made, problem) {
  problem.hidden = true;
  for (const control of made.elements) {
    control.removeAttribute("aria-invalid");
    const fault = control.id && document.getElementById(`${control.id}-fault`);
    if (fault) fault.hidden = true;
  }
}
