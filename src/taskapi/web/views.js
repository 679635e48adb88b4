// What a place shows: its parameters as a query of the API, and its name as people read it.

import { instantOf, plusDays, today } from "./dates.js";
import { t } from "./language.js";
import { projectOf } from "./projects.js";

export const OPEN = ["todo", "in_progress"];
export const SORTS = ["position", "due", "-priority", "title", "-updated_at", "-created_at", "created_at"];
export const DUES = ["today", "week", "overdue"];

/** The query of GET /tasks for the parameters of a list. */
export function queryOf(params) {
  const status = params.getAll("status");
  return {
    status: status.includes("all") ? [] : status.length ? status : OPEN,
    priority: params.getAll("priority"),
    label: params.getAll("label"),
    project: params.get("project"),
    q: params.get("q")?.trim(),
    sort: params.get("sort") ?? (params.get("due") ? "due" : "position"),
    ...dueBounds(params.get("due")),
  };
}

function dueBounds(due) {
  const startOf = (date) => instantOf(date, "00:00");
  if (due === "today") return { due_before: startOf(plusDays(today(), 1)) };
  if (due === "week") return { due_before: startOf(plusDays(today(), 7)) };
  if (due === "overdue") return { due_before: startOf(today()) };
  return {};
}

/** What a list is called. */
export function nameOf(params) {
  const project = params.get("project");
  if (project === "inbox") return t("inbox");
  if (project) return projectOf(project)?.name ?? t("unknown_project");
  if (params.get("due") === "today") return t("today");
  const labels = params.getAll("label");
  if (labels.length) return labels.map((name) => `#${name}`).join(" ");
  return t("all_tasks");
}

/** Whether anything but the view itself narrows the list. */
export const isFiltered = (params) => ["q", "priority", "label", "status"].some((name) => params.get(name));

/** Where a task made in a list belongs: what the list shows, it has. */
export function fieldsOf(params) {
  const project = params.get("project");
  const labels = params.getAll("label");
  return {
    ...(project && project !== "inbox" ? { project_id: project } : {}),
    ...(labels.length ? { labels } : {}),
    ...(params.get("due") === "today" ? { due_on: today() } : {}),
  };
}
