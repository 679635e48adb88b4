// What was remembered for good: who did what to whom, in ids.

import { instantOf } from "./dates.js";
import { fill, h } from "./dom.js";
import { filterBar } from "./filters.js";
import { blame, field, input } from "./forms.js";
import { has, moment, t } from "./language.js";
import { pagedTable } from "./pages.js";
import { adjust } from "./router.js";

const COLUMNS = ["admin_at", "admin_actor", "admin_action", "admin_target", "admin_details"];
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function auditTab(params, signal, problems) {
  const known = new Set();
  const actions = h("datalist", { id: "actions" });
  const filters = filterBar([controls(), actions], { isRight });
  const pages = pagedTable({
    path: "/admin/audit",
    caption: "admin_audit",
    columns: COLUMNS,
    none: "admin_audit_none",
    problems,
    cells(entry) {
      known.add(entry.action);
      return cells(entry);
    },
    drawn: () => fill(actions, [...known].sort().map((action) => h("option", { value: action }))),
  });
  const update = (now) => {
    filters.show(now);
    const at = (name) => now.get(name) && instantOf(now.get(name), "00:00");
    pages.load({ actor: now.get("actor"), action: now.get("action"), since: at("since"), until: at("until") });
  };
  const close = () => {
    filters.close();
    pages.close();
  };
  signal.addEventListener("abort", close);
  update(params);
  // What was remembered does not change; news come on top while only the first page is looked at.
  return { content: [filters.bar, pages.content], refresh: () => pages.isShort() && pages.refresh(), update, close };
}

function controls() {
  const [action, day] = [{ placeholder: "session.opened", dir: "ltr", list: "actions" }, { type: "date" }];
  return [
    field(t("admin_filter_actor"), input("actor", { dir: "ltr", maxlength: 36, spellcheck: "false" })),
    field(t("admin_filter_action"), input("action", action)),
    field(t("admin_filter_since"), input("since", day)),
    field(t("admin_filter_until"), input("until", day)),
  ];
}

/** The API asks for a whole id; one that is none is said to be none, instead of that nothing fits it. */
function isRight(control) {
  if (control.name !== "actor") return true;
  const value = control.value.trim();
  control.removeAttribute("aria-invalid");
  control.closest(".field").querySelector(".fault").hidden = true;
  if (!value || ID.test(value)) return true;
  blame(control.form, "actor", t("admin_no_id"));
  return false;
}

function cells(entry) {
  const details = Object.entries(entry.details).map(([name, value]) => detail(name, value));
  return [
    h("time", { datetime: entry.at, dir: "auto" }, moment(entry.at)),
    entry.actor_id ? idLink(entry) : h("span.hint", {}, has(`via_${entry.via}`) ? t(`via_${entry.via}`) : entry.via),
    h("code", {}, entry.action),
    entry.target_id ? [h("span.hint", {}, `${entry.target_kind} `), h("code", { title: entry.target_id }, short(entry.target_id))] : null,
    details.length ? details : null,
  ];
}

function detail(name, value) {
  const said = typeof value === "object" ? JSON.stringify(value) : String(value);
  return h("div", {}, h("bdi", {}, h("span.hint", {}, `${name}: `), said));
}

/** An id that leads to everything the same person did. */
function idLink({ id, actor_id: actor }) {
  const given = { type: "button", title: actor, dataset: { of: id }, "aria-label": t("admin_only_actor", { id: actor }) };
  return h("button.link", { ...given, onclick: () => adjust({ actor }) }, h("code", {}, short(actor)));
}

const short = (id) => `…${id.slice(-8)}`;
