// Above a list: the search, the filters and the order, all of them kept in the address.

import { fill, h } from "./dom.js";
import { field, input, select } from "./forms.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { labels } from "./projects.js";
import { adjust } from "./router.js";
import { PRIORITIES, STATUSES } from "./tasks.js";
import { DUES, SORTS } from "./views.js";

const TYPING_MS = 250;

/** The search and the button of the filters, with the filters below. */
export function listBar(params) {
  const filters = h("div.filters", { id: "filters", hidden: !hasFilters(params) });
  const open = h("button.quiet", { type: "button", "aria-expanded": String(!filters.hidden), "aria-controls": "filters" }, icon("settings"), h("span", {}, t("filters")));
  open.addEventListener("click", () => {
    filters.hidden = !filters.hidden;
    open.setAttribute("aria-expanded", String(!filters.hidden));
    if (!filters.hidden) filters.querySelector("select").focus();
  });
  draw(filters, params);
  return {
    search: searchField(params),
    open,
    filters,
    update: (now) => draw(filters, now),
  };
}

const hasFilters = (params) => ["status", "priority", "label", "sort"].some((name) => params.has(name));

function searchField(params) {
  const line = input("q", { type: "search", "aria-label": t("search"), placeholder: t("search"), maxlength: 200, dir: "auto" });
  line.value = params.get("q") ?? "";
  let timer = null;
  line.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => line.isConnected && adjust({ q: line.value.trim() || null }, { replace: true }), TYPING_MS);
  });
  return h("div.search", { role: "search" }, icon("search"), line);
}

function draw(filters, params) {
  if (filters.contains(document.activeElement)) {
    // A list that is being used is not exchanged for another.
    for (const control of filters.querySelectorAll("select")) control.value = valueOf(params, control.name);
    return;
  }
  fill(
    filters,
    choice("status", [["", t("open_tasks")], ["all", t("any_status")], ...STATUSES.map((one) => [one, t(`status_${one}`)])], params),
    choice("priority", [["", t("any")], ...PRIORITIES.map((one) => [one, t(`priority_${one}`)])], params),
    choice("label", [["", t("any")], ...labelsWith(params).map((name) => [name, name])], params),
    choice("due", [["", t("any")], ...DUES.map((one) => [one, t(`due_${one}`)])], params),
    choice("sort", SORTS.map((one) => [one, t(`sort_${one.replace("-", "by_")}`)]), params),
    h("button.link", { type: "button", onclick: clear }, t("clear_filters")),
  );
}

function choice(name, options, params) {
  const control = select(name, options, valueOf(params, name));
  control.addEventListener("change", () => adjust({ [name]: control.value || null }, { replace: true }));
  return field(t(`filter_${name}`), control);
}

function valueOf(params, name) {
  if (name === "sort") return params.get("sort") ?? (params.get("due") ? "due" : "position");
  return params.get(name) ?? "";
}

/** Those in use, and the one that is asked for although none has it any more. */
function labelsWith(params) {
  return [...new Set([...params.getAll("label"), ...labels.get().map(({ name }) => name)])];
}

function clear() {
  adjust({ q: null, status: null, priority: null, label: null, due: null, sort: null }, { replace: true });
  const line = document.querySelector(".search input");
  if (line) line.value = "";
}

