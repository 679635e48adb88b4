// The way to every screen and project.

import { fill, h, keepFocus } from "./dom.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";
import { fail } from "./notices.js";
import { allProjects, labels } from "./projects.js";
import { address, place } from "./router.js";
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
// More are found by the filters and by the palette.
const MOST_LABELS = 12;
const BELOW = [
  ["trash", "trash", "trash", {}],
  ["stats", "stats", "stats", {}],
  ["settings", "settings", "settings", {}],
];

/** The sidebar; `onLeave` is called when something in it was chosen. */
export function sidebar(onLeave) {
  const list = h("div.own");
  const nav = h("nav.side", { id: "side", "aria-label": t("main_menu") });
  const draw = () => {
    const below = [...BELOW, ...(me.get().role === "admin" ? [["admin", "admin", "admin", {}]] : [])];
    fill(nav, [
      h("div.brand", {}, mark(), h("span", {}, "taskapi")),
      h("ul.links", {}, PLACES.map(link)),
      h("div.side-bar", {}, h("h2", {}, t("projects")), h("button.bare", { type: "button", "aria-label": t("new_project"), onclick: () => dialogs().then(({ makeProject }) => makeProject()) }, icon("add"))),
      list,
      h("ul.links", {}, below.map(link)),
      foot(draw),
    ]);
    drawOwn();
  };
  const drawOwn = () => redraw(list, () => fill(list, ownPlaces(list.querySelector("details")?.open)));
  const stops = [allProjects.watch(drawOwn), labels.watch(drawOwn), me.watch(draw), place.watch(() => redraw(nav, draw))];
  nav.addEventListener("click", (event) => event.target.closest("a") && onLeave());
  draw();
  return { element: nav, end: () => stops.forEach((stop) => stop()) };
}

// Needed when somebody asks for them, and not before the page can be seen.
const dialogs = () => import("./projectdialogs.js");

/** Projects, the archived ones behind a word, and labels. */
function ownPlaces(isArchiveOpen) {
  const [archived, live] = [true, false].map((is) => allProjects.get().filter((project) => project.archived === is));
  return [
    h("ul.links", {}, live.length ? live.map(projectLink) : h("li.hint", {}, t("empty_projects"))),
    archived.length > 0 && h("details.archive", { open: isArchiveOpen }, h("summary", { dataset: { of: "archive" } }, t("archived_projects", { n: archived.length })), h("ul.links", {}, archived.map(projectLink))),
    labels.get().length > 0 && h("div.side-bar", {}, h("h2", {}, t("field_labels"))),
    h("ul.links", {}, labels.get().slice(0, MOST_LABELS).map(labelLink)),
  ];
}

function redraw(root, draw) {
  const hasFocus = root.contains(document.activeElement);
  const giveFocusBack = keepFocus();
  draw();
  if (hasFocus) giveFocusBack();
}

function labelLink({ name, count }) {
  const params = { label: name };
  const more = h("button.bare.edit", { type: "button", dataset: { of: `label:${name}` }, "aria-label": t("edit_label", { name }), onclick: () => dialogs().then(({ editLabel }) => editLabel(name)) }, icon("more"));
  return h("li", {}, h("a", { href: address("list", params), dataset: { of: `with:${name}` }, ...current("list", params) }, icon("label"), h("span.project-name", { dir: "auto" }, name), h("span.count", {}, number(count))), more);
}

function link([word, symbol, name, params]) {
  return h("li", {}, h("a", { href: address(name, params), dataset: { of: word }, ...current(name, params) }, icon(symbol), h("span", {}, t(word))));
}

function projectLink(project) {
  const params = { project: project.id };
  const more = h("button.bare.edit", { type: "button", dataset: { of: `project:${project.id}` }, "aria-label": t("edit_project", { name: project.name }), onclick: () => dialogs().then(({ editProject }) => editProject(project)) }, icon("more"));
  return h("li", {}, h("a", { href: address("list", params), dataset: { of: `in:${project.id}` }, ...current("list", params) }, dot(project.color), h("span.project-name", { dir: "auto" }, project.name), h("span.count", {}, number(project.task_count))), more);
}

/** Which of the ways is the one that was taken. */
function current(name, params) {
  const { name: now, params: has } = place.get();
  const isThere = now === name && (name !== "list" || ["project", "due", "label"].every((key) => (has.get(key) ?? null) === (params[key] ?? null)));
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

