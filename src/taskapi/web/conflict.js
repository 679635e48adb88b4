// Two changed the same field of a task: what is kept is asked, field by field.

import { ask } from "./dialog.js";
import { freshId, h } from "./dom.js";
import { clock, day, has, t } from "./language.js";
import { inZone, today } from "./dates.js";
import { projectOf } from "./projects.js";

/**
 * Show both values of each field. Answers the names of the fields whose own value is kept, or null where the change
 * is given up.
 */
export function askAbout(task, clashes) {
  return ask(
    t("conflict_title"),
    (close) => {
      const form = h("form", { method: "dialog" });
      form.append(
        h("h2", {}, t("conflict_title")),
        h("p", {}, t("conflict_lead", { title: task.title })),
        ...clashes.map(choice),
        h("div.acts", {}, [
          h("button", { type: "button", onclick: () => close(null) }, t("conflict_leave")),
          h("button.main", { type: "submit" }, t("conflict_keep")),
        ]),
      );
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const chosen = new FormData(form);
        close(new Set(clashes.map((clash) => clash.field).filter((field) => chosen.get(field) === "mine")));
      });
      return form;
    },
    { kind: "conflict", mustAnswer: false },
  );
}

function choice({ field, mine, theirs }) {
  const legend = t(`field_${field}`);
  return h("fieldset.sides", {}, h("legend", {}, legend), [
    side(field, "mine", t("conflict_mine"), shown(field, mine), true),
    side(field, "theirs", t("conflict_theirs"), shown(field, theirs), false),
  ]);
}

function side(field, value, label, text, checked) {
  const id = freshId("side");
  return h("div.one-side", {}, [
    h("input", { type: "radio", name: field, value, id, checked }),
    h("label", { for: id }, h("span.whose", {}, label), h("span.value", {}, text)),
  ]);
}

/** A value of a task as people read it. */
export function shown(field, value) {
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return t("nothing");
  if (field === "labels") return value.join(", ");
  if (field === "project_id") return projectOf(value)?.name ?? t("unknown_project");
  if (field === "due_on") return day(value, today());
  if (field.endsWith("_at")) return `${day(inZone(value)[0], today())}, ${clock(value)}`;
  if (has(`${field}_${value}`)) return t(`${field}_${value}`);
  return String(value);
}
