// The users of this instance.

import { call } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { inZone, today } from "./dates.js";
import { fill, h } from "./dom.js";
import { filterBar } from "./filters.js";
import { field, form, input, select } from "./forms.js";
import { icon } from "./icons.js";
import { day, t } from "./language.js";
import { tell } from "./notices.js";
import { pagedTable } from "./pages.js";
import { me } from "./session.js";

const COLUMNS = ["admin_who", "admin_role", "admin_state", "admin_since", "admin_acts"];

export function usersTab(params, signal, problems) {
  const count = h("span.count", { role: "status" });
  const filters = filterBar(controls(count), { search: "q" });
  const pages = pagedTable({
    path: "/admin/users",
    caption: "admin_users",
    columns: COLUMNS,
    none: "admin_no_users",
    count: true,
    problems,
    cells: (user) => cells(user, () => change(user)),
    drawn: (feed) => {
      const text = t("admin_count", { n: feed.total ?? feed.ids.length });
      if (count.textContent !== text) fill(count, text);
    },
  });
  const change = async (user) => {
    try {
      await changeUser(user);
    } catch (problem) {
      await problems.failed(problem);
    }
    await pages.refresh();
  };
  const update = (now) => {
    filters.show(now);
    pages.load({ q: now.get("q"), role: now.get("role"), disabled: now.get("disabled"), sort: now.get("sort") });
  };
  const close = () => {
    filters.close();
    pages.close();
  };
  signal.addEventListener("abort", close);
  update(params);
  return { content: [filters.bar, pages.content], refresh: pages.refresh, update, close };
}

function controls(count) {
  const given = { type: "search", "aria-label": t("admin_search"), placeholder: t("admin_search"), maxlength: 200, dir: "auto" };
  const choice = (name, label, options) => select(name, options, "", { "aria-label": t(label) });
  return [
    h("div.search", {}, icon("search"), input("q", given)),
    choice("role", "admin_role", [["", t("admin_any_role")], ["user", t("admin_role_user")], ["admin", t("admin_role_admin")]]),
    choice("disabled", "admin_state", [["", t("admin_any_state")], ["false", t("admin_enabled")], ["true", t("admin_disabled")]]),
    choice("sort", "admin_sort", [
      ["", t("admin_sort_new")],
      ["created_at", t("admin_sort_old")],
      ["email", t("admin_sort_email")],
      ["name", t("admin_sort_name")],
    ]),
    count,
  ];
}

function cells(user, change) {
  const given = { type: "button", dataset: { of: user.id }, "aria-label": t("admin_change_user", { email: user.email }) };
  return [
    [h("div.name", {}, h("bdi", {}, user.name || user.email)), user.name && h("div.hint", {}, h("bdi", {}, user.email))],
    user.role === "admin" ? h("span.badge", {}, t("admin_role_admin")) : t("admin_role_user"),
    stateOf(user),
    h("time", { dir: "auto" }, day(inZone(user.created_at)[0], today())),
    h("button.quiet", { ...given, onclick: change }, icon("edit"), h("span", {}, t("edit"))),
  ];
}

function stateOf(user) {
  if (user.disabled) return h("span.badge.wrong", {}, t("admin_disabled"));
  if (user.delete_after) return t("admin_going");
  return t(user.email_verified ? "admin_verified" : "admin_unverified");
}

/** Everything that can be done to a user, in one dialog. */
async function changeUser(user) {
  const act = await ask(t("admin_change_user", { email: user.email }), (close) => [
    h("div.dialog-bar", {}, h("h2", {}, h("bdi", {}, user.name || user.email)), closeButton(close)),
    h("p.hint", {}, h("bdi", {}, user.email), " · ", h("code", {}, user.id)),
    form([field(t("field_name"), input("name", { value: user.name, maxlength: 100, dir: "auto", autofocus: true }))], t("admin_rename"), async ({ name }) => {
      await call("PATCH", `/admin/users/${user.id}`, { body: { name } });
      close("renamed");
    }),
    acts(user, close),
  ]);
  if (!act || (act !== "renamed" && !(await isMeant(act, user)))) return;
  if (act !== "renamed") await ACTS[act](user);
  tell(t(doneWord(act, user), { email: user.email }));
}

const closeButton = (close) => h("button.bare", { type: "button", "aria-label": t("close"), onclick: () => close() }, icon("close"));

function acts(user, close) {
  const act = (name, word, kind = "") => h(`button${kind}`, { type: "button", onclick: () => close(name) }, t(word));
  return h("div.list-of-acts", {}, [
    act("role", user.role === "admin" ? "admin_make_user" : "admin_make_admin"),
    act("logout", "admin_logout"),
    act("reset", "admin_reset"),
    user.disabled ? act("disabled", "admin_enable") : act("disabled", "admin_disable", ".danger"),
  ]);
}

const ACTS = {
  role: (user) => call("PATCH", `/admin/users/${user.id}`, { body: { role: user.role === "admin" ? "user" : "admin" } }),
  disabled: (user) => call("PATCH", `/admin/users/${user.id}`, { body: { disabled: !user.disabled } }),
  logout: (user) => call("POST", `/admin/users/${user.id}/logout`),
  reset: (user) => call("POST", `/admin/users/${user.id}/password-reset`),
};

function doneWord(act, user) {
  return act === "disabled" && user.disabled ? "admin_done_enabled" : `admin_done_${act}`;
}

/** What shuts somebody out, or gives them power, is asked about first. */
async function isMeant(act, user) {
  const words = {
    role: user.role === "admin" ? "admin_make_user" : "admin_make_admin",
    disabled: user.disabled ? null : "admin_disable",
    logout: "admin_logout",
  };
  const word = words[act];
  if (!word) return true;
  const isSelf = user.id === me.get().id;
  return confirm(`${t(word)}?`, t(isSelf ? "admin_sure_self" : `${word}_sure`, { email: user.email }), t(word));
}
