// A task as a row of a list and as a card of the board: the same parts.

import { dueOf, today } from "./dates.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { clock, day, t } from "./language.js";
import { projectOf } from "./projects.js";

/** A row. `isActive` is the one that Tab reaches. */
export function taskRow(task, { isSelected, isActive, total, showProject }) {
  const tabindex = isActive ? "0" : "-1";
  const classes = [task.status === "done" && "done", isSelected && "selected", task.saving && "saving"].filter(Boolean).join(" ");
  return h("li.row", { class: classes, dataset: { id: task.id }, "aria-setsize": total ?? -1 }, [
    h("input.pick", { type: "checkbox", checked: isSelected, tabindex, dataset: { action: "pick" }, "aria-label": t("select_task", { title: task.title }) }),
    tickButton(task, tabindex),
    h("button.name", { type: "button", tabindex, dataset: { action: "open" }, dir: "auto" }, task.title),
    h("button.bare.edit-title", { type: "button", tabindex, dataset: { action: "edit" }, "aria-label": t("edit_title", { title: task.title }) }, icon("edit")),
    h("div.marks", {}, marks(task, showProject)),
  ]);
}

/** The round button that says whether a task is done. */
export function tickButton(task, tabindex = "0") {
  const isDone = task.status === "done";
  const started = task.status === "in_progress" ? ".started" : "";
  return h(
    `button.tick${started}`,
    { type: "button", role: "checkbox", "aria-checked": String(isDone), tabindex, dataset: { action: "tick" }, "aria-label": t("done_task", { title: task.title }) },
    isDone && icon("check"),
  );
}

/** What else is known of a task, in small. */
export function marks(task, showProject = true) {
  const project = showProject && task.project_id ? projectOf(task.project_id) : null;
  return [
    task.priority !== "none" && priorityMark(task.priority),
    dueMark(task),
    project && h("span.mark-of.project", {}, dot(project.color), h("span", { dir: "auto" }, project.name)),
    task.labels.map((name) => h("span.mark-of.label", { dir: "auto" }, `#${name}`)),
  ];
}

/** The colour of a project. */
export const dot = (color) => h("span.dot", { style: color ? { "--dot": color } : {}, "aria-hidden": "true" });

function priorityMark(priority) {
  return h(`span.mark-of.priority.${priority}`, {}, icon("flag"), h("span", {}, t(`priority_${priority}`)));
}

function dueMark(task) {
  const due = dueOf(task);
  if (!due) return null;
  const isOver = due.isOver && task.status !== "done";
  const text = due.time ? `${day(due.date, today())}, ${clock(task.due_at)}` : day(due.date, today());
  return h(`span.mark-of.due${isOver ? ".over" : ""}`, {}, icon("calendar"), h("span", {}, isOver ? t("overdue_since", { when: text }) : text));
}
