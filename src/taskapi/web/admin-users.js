// The users of this instance.

import { call } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { field, form, input, select } from "./forms.js";
import { icon } from "./icons.js";
import { day, t } from "./language.js";
import { inZone, today } from "./dates.js";
import { fail, tell } from "./notices.js";
import { adjust } from "./router.js";
import { me } from "./session.js";

const TYPING_MS = 250;
const PAGE = 50;

export function usersTab(params, signal) {
  const users = new Map();
  const rows = h("tbody");
  const count = h("span.count");
  const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => feed.more().catch(fail) }, t("show_more"));
  const empty = h("p.empty", { hidden: true }, t("admin_no_users"));
  let feed = null;
  const take = (items) => items.map((user) => {
    users.set(user.id, user);
    return user.id;
  });
  const draw = () => {
    const focused = rows.contains(document.activeElement) ? document.activeElement.dataset.of : null;
    fill(rows, feed.ids.map((id) => row(users.get(id), refresh)));
    fill(count, t("admin_count", { n: feed.total ?? feed.ids.length }));
    more.hidden = feed.isComplete;
    empty.hidden = feed.ids.length > 0;
    if (focused) rows.querySelector(`[data-of="${focused}"]`)?.focus();
  };
  const refresh = () => feed.refresh().catch(fail);
  const load = (now) => {
    feed?.end();
    const query = { q: now.get("q"), role: now.get("role"), disabled: now.get("disabled"), sort: now.get("sort") };
    feed = new Feed("/admin/users", query, take, { page: PAGE });
    feed.events.on("changed", draw);
    feed.start().catch(fail);
  };
  load(params);
  signal.addEventListener("abort", () => feed.end());
  const table = h("table", {}, h("caption.unseen", {}, t("admin_users")), head(), rows);
  return { content: [filters(params, count), h("div.table-frame", {}, table), empty, more], refresh, update: load, close: () => feed.end() };
}

function head() {
  const columns = ["admin_who", "admin_role", "admin_state", "admin_since"];
  return h("thead", {}, h("tr", {}, columns.map((word) => h("th", { scope: "col" }, t(word))), h("th", { scope: "col" }, h("span.unseen", {}, t("admin_acts")))));
}

function filters(params, count) {
  const search = input("q", { type: "search", value: params.get("q") ?? "", "aria-label": t("admin_search"), placeholder: t("admin_search"), maxlength: 200, dir: "auto" });
  let timer = null;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => adjust({ q: search.value.trim() || null }, { replace: true }), TYPING_MS);
  });
  const choice = (name, options) => {
    const control = select(name, options, params.get(name) ?? "", { "aria-label": options[0][1] });
    control.addEventListener("change", () => adjust({ [name]: control.value || null }, { replace: true }));
    return control;
  };
  return h("div.table-bar", {}, [
    h("div.search", { role: "search" }, icon("search"), search),
    choice("role", [["", t("admin_any_role")], ["user", t("admin_role_user")], ["admin", t("admin_role_admin")]]),
    choice("disabled", [["", t("admin_any_state")], ["false", t("admin_enabled")], ["true", t("admin_disabled")]]),
    choice("sort", [["", t("admin_sort_new")], ["created_at", t("admin_sort_old")], ["email", t("admin_sort_email")], ["name", t("admin_sort_name")]]),
    count,
  ]);
}

function row(user, refresh) {
  const state = user.disabled ? "admin_disabled" : user.delete_after ? "admin_going" : user.email_verified ? "admin_verified" : "admin_unverified";
  const open = h("button.quiet", { type: "button", dataset: { of: user.id }, "aria-label": t("admin_change_user", { email: user.email }), onclick: () => changeUser(user, refresh) }, icon("edit"), h("span", {}, t("edit")));
  return h("tr", { class: user.disabled ? "off" : "" }, [
    h("td", {}, h("div.what", {}, h("span.name", { dir: "auto" }, user.name || user.email), user.name && h("span.hint", { dir: "ltr" }, user.email))),
    h("td", {}, user.role === "admin" ? h("span.badge", {}, t("admin_role_admin")) : t("admin_role_user")),
    h("td", {}, t(state)),
    h("td", {}, day(inZone(user.created_at)[0], today())),
    h("td.acts-cell", {}, open),
  ]);
}

/** Everything that can be done to a user, in one dialog. */
async function changeUser(user, refresh) {
  const isSelf = user.id === me.get().id;
  const act = await ask(t("admin_change_user", { email: user.email }), (close) => [
    h("h2", { dir: "auto" }, user.name || user.email),
    h("p.hint", {}, user.email, " · ", h("code", {}, user.id)),
    form([field(t("field_name"), input("name", { value: user.name, maxlength: 100, dir: "auto" }))], t("admin_rename"), async ({ name }) => {
      await call("PATCH", `/admin/users/${user.id}`, { body: { name } });
      close("renamed");
    }),
    h("div.list-of-acts", {}, [
      h("button", { type: "button", onclick: () => close("role") }, t(user.role === "admin" ? "admin_make_user" : "admin_make_admin")),
      h("button", { type: "button", onclick: () => close("logout") }, t("admin_logout")),
      h("button", { type: "button", onclick: () => close("reset") }, t("admin_reset")),
      h(`button${user.disabled ? "" : ".danger"}`, { type: "button", onclick: () => close("disabled") }, t(user.disabled ? "admin_enable" : "admin_disable")),
    ]),
  ]);
  if (!act || (act !== "renamed" && !(await isMeant(act, user, isSelf)))) return;
  try {
    if (act !== "renamed") await ACTS[act](user);
    tell(t(`admin_done_${act}`, { email: user.email }));
  } catch (problem) {
    fail(problem);
  }
  await refresh();
}

const ACTS = {
  role: (user) => call("PATCH", `/admin/users/${user.id}`, { body: { role: user.role === "admin" ? "user" : "admin" } }),
  disabled: (user) => call("PATCH", `/admin/users/${user.id}`, { body: { disabled: !user.disabled } }),
  logout: (user) => call("POST", `/admin/users/${user.id}/logout`),
  reset: (user) => call("POST", `/admin/users/${user.id}/password-reset`),
};

/** What shuts somebody out, or gives them power, is asked about first. */
async function isMeant(act, user, isSelf) {
  const word = { role: user.role === "admin" ? "admin_make_user" : "admin_make_admin", disabled: user.disabled ? null : "admin_disable", logout: "admin_logout", reset: null }[act];
  if (!word) return true;
  return confirm(`${t(word)}?`, t(isSelf ? "admin_sure_self" : `${word}_sure`, { email: user.email }), t(word));
}
