// The bar of what can be done to the selected tasks, all at once.

import { plusDays, today } from "./dates.js";
import { ask } from "./dialog.js";
import { fill, h } from "./dom.js";
import { field, form, input } from "./forms.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";
import { projects } from "./projects.js";
import { PRIORITIES, STATUSES } from "./tasks.js";

/**
 * The bar of a selection; hidden while nothing is selected and nothing is under way. `leave` is called where it is
 * about to take the focus with it. Answers its element, and `told(at, of)` to say how far something is.
 */
export function bulkBar(selection, { isTrash = false, leave }) {
  const count = h("span.count", { role: "status" });
  const progress = h("span.progress", { role: "status", hidden: true });
  const bar = h("div.bulk", { role: "toolbar", "aria-label": t("bulk_label"), hidden: true }, [
    h("button.bare", { type: "button", "aria-label": t("clear_selection"), onclick: () => selection.clear() }, icon("close")),
    count,
    h("button.quiet.wide", { type: "button", onclick: () => selection.all() }, t("select_all")),
    h("span.space"),
    isTrash ? trashActs(selection, told) : acts(selection, told),
    progress,
  ]);
  const draw = () => {
    const isOver = selection.size() === 0;
    if (isOver && bar.contains(document.activeElement)) leave();
    bar.hidden = isOver && progress.hidden;
    bar.classList.toggle("working", !progress.hidden);
    fill(count, t("selected", { n: selection.size() }));
  };
  selection.events.on("changed", draw);
  function told(at, of) {
    progress.hidden = at === null;
    if (at !== null) fill(progress, progressText(at, of));
    draw();
  }
  return { element: bar, told };
}

function acts(selection, told) {
  const alter = async (fieldsOf) => {
    const ids = selection.ids();
    selection.clear();
    const { alterMany } = await import("./bulk.js");
    await alterMany(ids, fieldsOf, told);
  };
  const discard = async () => {
    const ids = selection.ids();
    selection.clear();
    const { discardMany } = await import("./bulk.js");
    await discardMany(ids, told);
  };
  return [
    h("button.quiet", { type: "button", onclick: () => alter(() => ({ status: "done" })) }, icon("check"), h("span", {}, t("mark_done"))),
    menu(t("field_status"), STATUSES.map((one) => [one, t(`status_${one}`)]), (status) => alter(() => ({ status }))),
    menu(t("field_priority"), PRIORITIES.map((one) => [one, t(`priority_${one}`)]), (priority) => alter(() => ({ priority }))),
    menu(t("move_to"), projectChoices(), (id) => alter(() => ({ project_id: id === "inbox" ? null : id }))),
    menu(t("field_due"), dueChoices(), (date) => alter(() => ({ due_on: date || null, due_at: null }))),
    h("button.quiet", { type: "button", "aria-label": t("add_label"), onclick: () => addLabel(alter) }, icon("label"), h("span", {}, t("field_label"))),
    h("button.quiet.danger", { type: "button", onclick: discard }, icon("trash"), h("span", {}, t("delete"))),
  ];
}

function trashActs(selection, told) {
  const restore = async () => {
    const ids = selection.ids();
    selection.clear();
    const { bringBackMany } = await import("./bulk.js");
    await bringBackMany(ids, told);
  };
  return [h("button.quiet", { type: "button", onclick: restore }, icon("restore"), h("span", {}, t("restore")))];
}

export const progressText = (at, of) => t("bulk_progress", { at: number(at), of: number(of) });

const projectChoices = () => [["inbox", t("inbox")], ...projects.get().map(({ id, name }) => [id, name])];

const dueChoices = () => [[today(), t("today")], [plusDays(today(), 1), t("tomorrow")], [plusDays(today(), 7), t("next_week")], ["", t("no_due")]];

/** A list that acts when something of it is chosen, and then shows its name again. */
function menu(label, options, act) {
  const control = h("select", { "aria-label": label }, h("option", { value: "-", selected: true }, label), options.map(([value, text]) => h("option", { value }, text)));
  control.addEventListener("change", () => {
    const { value } = control;
    control.value = "-";
    if (value !== "-") act(value);
  });
  return control;
}

async function addLabel(alter) {
  const name = await ask(t("add_label"), (close) => [
    h("h2", {}, t("add_label")),
    form([field(t("field_label"), input("label", { required: true, maxlength: 40, list: "all-labels", dir: "auto" }))], t("add"), ({ label }) => close(label.trim())),
  ]);
  if (!name) return;
  const key = name.toLowerCase();
  await alter((task) => (task.labels.some((one) => one.toLowerCase() === key) ? null : { labels: [...task.labels, name] }));
}

