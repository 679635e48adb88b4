// The way to every screen and project.

import { confirm, ask } from "./dialog.js";
import { fill, h } from "./dom.js";
import { field, form, input } from "./forms.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";
import { fail, tell } from "./notices.js";
import { changeProject, COLORS, createProject, deleteProject, projects } from "./projects.js";
import { address, go, place } from "./router.js";
import { dot } from "./row.js";
import { me, signOut } from "./session.js";
import { isDark, setTheme } from "./theme.js";
import { mark } from "./signin.js";

const PLACES = [
  ["inbox", "inbox", "list", { project: "inbox" }],
  ["today", "today", "list", { due: "today" }],
  ["all_tasks", "all", "list", {}],
  ["board", "board", "board", {}],
];
const BELOW = [
  ["trash", "trash", "trash", {}],
  ["stats", "stats", "stats", {}],
  ["settings", "settings", "settings", {}],
];

/** The sidebar; `onLeave` is called when something in it was chosen. */
export function sidebar(onLeave) {
  const list = h("ul.links");
  const nav = h("nav.side", { id: "side", "aria-label": t("main_menu") });
  const draw = () => {
    const below = [...BELOW, ...(me.get().role === "admin" ? [["admin", "admin", "admin", {}]] : [])];
    fill(nav, [
      h("div.brand", {}, mark(), h("span", {}, "taskapi")),
      h("ul.links", {}, PLACES.map(link)),
      h("div.side-bar", {}, h("h2", {}, t("projects")), h("button.bare", { type: "button", "aria-label": t("new_project"), onclick: makeProject }, icon("add"))),
      list,
      h("span.space"),
      h("ul.links", {}, below.map(link)),
      foot(draw),
    ]);
    drawProjects();
  };
  const drawProjects = () => fill(list, projects.get().length ? projects.get().map(projectLink) : h("li.hint", {}, t("empty_projects")));
  const stops = [projects.watch(drawProjects), me.watch(draw), place.watch(draw)];
  nav.addEventListener("click", (event) => event.target.closest("a") && onLeave());
  draw();
  return { element: nav, end: () => stops.forEach((stop) => stop()) };
}

function link([word, symbol, name, params]) {
  return h("li", {}, h("a", { href: address(name, params), ...current(name, params) }, icon(symbol), h("span", {}, t(word))));
}

function projectLink(project) {
  const params = { project: project.id };
  const more = h("button.bare.edit", { type: "button", "aria-label": t("edit_project", { name: project.name }), onclick: () => editProject(project) }, icon("more"));
  return h("li", {}, h("a", { href: address("list", params), ...current("list", params) }, dot(project.color), h("span.project-name", { dir: "auto" }, project.name), h("span.count", {}, number(project.task_count))), more);
}

/** Which of the ways is the one that was taken. */
function current(name, params) {
  const { name: now, params: has } = place.get();
  const isThere = now === name && (name !== "list" || ["project", "due"].every((key) => (has.get(key) ?? null) === (params[key] ?? null)));
  return isThere ? { "aria-current": "page" } : {};
}

function foot(draw) {
  const switchTheme = () => {
    setTheme(isDark() ? "light" : "dark");
    draw();
    document.querySelector(".foot .theme").focus();
  };
  return h("div.foot", {}, [
    h("span.who", { title: me.get().email, dir: "auto" }, me.get().name || me.get().email),
    h("button.bare.theme", { type: "button", "aria-label": t(isDark() ? "theme_light" : "theme_dark"), onclick: switchTheme }, icon(isDark() ? "sun" : "moon")),
    h("button.bare", { type: "button", "aria-label": t("sign_out"), onclick: () => signOut().catch(fail) }, icon("out")),
  ]);
}

async function makeProject() {
  const made = await askProject(t("new_project"), { name: "", color: COLORS[projects.get().length % COLORS.length] }, createProject);
  if (made) go("list", { project: made.id });
}

async function editProject(project) {
  const next = await askProject(t("edit_project", { name: project.name }), project, (fields) => changeProject(project.id, fields), project);
  if (next === "archive") {
    await changeProject(project.id, { archived: true }).catch(fail);
    tell(t("archived", { name: project.name }), { undo: () => changeProject(project.id, { archived: false }).then(() => t("undone")) });
  } else if (next === "delete") {
    await removeProject(project);
  }
}

function askProject(title, given, save, existing = null) {
  return ask(title, (close) => {
    const colors = h("fieldset.colors", {}, h("legend", {}, t("field_color")), COLORS.map((color, at) => h("label", {}, h("input", { type: "radio", name: "color", value: color, checked: color === given.color, "aria-label": t("color_number", { n: at + 1 }) }), dot(color))));
    const name = input("name", { required: true, maxlength: 100, value: given.name, dir: "auto", autofocus: true });
    const made = form([field(t("field_name"), name), colors], t("save"), async ({ name: written, color }) => close(await save({ name: written, color: color ?? null })));
    const others = existing && h("div.acts.others", {}, [
      h("button.quiet", { type: "button", onclick: () => close("archive") }, icon("archive"), t("archive")),
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
