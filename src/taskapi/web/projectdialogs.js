// What is done to projects and labels, each asked in a dialog.

import { ask, confirm } from "./dialog.js";
import { h } from "./dom.js";
import { field, form, input } from "./forms.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fail, tell } from "./notices.js";
import { changeProject, COLORS, createProject, deleteProject, labels, projects, renameLabel } from "./projects.js";
import { adjust, go, place } from "./router.js";
import { dot } from "./row.js";

/** Make a project and go there. */
export async function makeProject() {
  const made = await askProject(t("new_project"), { name: "", color: COLORS[projects.get().length % COLORS.length] }, createProject);
  if (made) go("list", { project: made.id });
}

/** Another name or colour, into the archive and out of it, or away. */
export async function editProject(project) {
  const next = await askProject(t("edit_project", { name: project.name }), project, (fields) => changeProject(project.id, fields), project);
  if (next === "archive") {
    await archive(project, !project.archived);
  } else if (next === "delete") {
    await removeProject(project);
  }
}

async function archive({ id, name }, archived) {
  try {
    await changeProject(id, { archived });
    const undo = () => changeProject(id, { archived: !archived }).then(() => t("undone"));
    tell(t(archived ? "archived" : "unarchived", { name }), { undo });
  } catch (problem) {
    fail(problem);
  }
}

function askProject(title, given, save, existing = null) {
  return ask(title, (close) => {
    const colors = h("fieldset.colors", {}, h("legend", {}, t("field_color")), COLORS.map((color, at) => h("label", {}, h("input", { type: "radio", name: "color", value: color, checked: color === given.color, "aria-label": t("color_number", { n: at + 1 }) }), dot(color))));
    const name = input("name", { required: true, maxlength: 100, value: given.name, dir: "auto", autofocus: true });
    const made = form([field(t("field_name"), name), colors], t("save"), async ({ name: written, color }) => close(await save({ name: written, color: color ?? null })));
    const others = existing && h("div.acts.others", {}, [
      h("button.quiet", { type: "button", onclick: () => close("archive") }, icon("archive"), t(existing.archived ? "unarchive" : "archive")),
      h("button.quiet.danger", { type: "button", onclick: () => close("delete") }, icon("trash"), t("delete")),
    ]);
    return [h("h2", {}, title), made, others];
  });
}

async function removeProject(project) {
  const where = project.task_count === 0
    ? (await confirm(t("delete_project_title", { name: project.name }), t("delete_project_empty"), t("delete"))) && "inbox"
    : await ask(t("delete_project_title", { name: project.name }), (close) => [
        h("h2", {}, t("delete_project_title", { name: project.name })),
        h("p", {}, t("delete_project_tasks", { n: project.task_count })),
        h("div.acts", {}, [
          h("button", { type: "button", autofocus: true, onclick: () => close(null) }, t("cancel")),
          h("button.main", { type: "button", onclick: () => close("inbox") }, t("tasks_to_inbox")),
          h("button.danger", { type: "button", onclick: () => close("trash") }, t("tasks_to_trash")),
        ]),
      ]);
  if (!where) return;
  try {
    await deleteProject(project.id, where);
    tell(t("project_deleted", { name: project.name }));
    if (place.get().params.get("project") === project.id) go("list", { project: "inbox" });
  } catch (problem) {
    fail(problem);
  }
}

/** Another name for a label, on all tasks that have it. */
export async function editLabel(name) {
  const wasThere = new Set(labels.get().map((label) => label.name.toLowerCase()));
  wasThere.delete(name.toLowerCase());
  const next = await ask(t("edit_label", { name }), (close) => [
    h("h2", {}, t("edit_label", { name })),
    h("p", {}, t("edit_label_lead")),
    form([field(t("field_name"), input("to", { required: true, maxlength: 40, value: name, dir: "auto", autofocus: true }))], t("save"), async ({ to }) => {
      await renameLabel(name, to.trim());
      close(to.trim());
    }),
  ]);
  if (!next || next === name) return;
  // Two labels that became one cannot be told apart again.
  const undo = wasThere.has(next.toLowerCase()) ? null : () => undoRename(name, next);
  tell(t("label_renamed", { from: name, to: next }), { undo });
  follow(name, next);
}

async function undoRename(name, next) {
  await renameLabel(next, name);
  follow(next, name);
  return t("undone");
}

/** Stay with a label under its other name. */
function follow(from, to) {
  if (place.get().params.get("label") === from) adjust({ label: to }, { replace: true });
}
