// For admins: users, what was remembered, and background jobs.

import { auditTab } from "./admin-audit.js";
import { jobsTab } from "./admin-jobs.js";
import { usersTab } from "./admin-users.js";
import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { number, t } from "./language.js";
import { fail } from "./notices.js";
import { address } from "./router.js";
import { me } from "./session.js";

// Each makes { content, refresh?, update?, close? } for its parameters.
const TABS = { users: usersTab, audit: auditTab, jobs: jobsTab, overview };

export const title = () => t("admin_title");

export async function open(root, { params, signal }) {
  if (me.get().role !== "admin") {
    fill(root, h("div.empty.whole", {}, h("h1", {}, t("not_found_title")), h("p", {}, t("admin_no_admin"))));
    return {};
  }
  const nav = h("nav.tabs.across", { "aria-label": title() });
  const body = h("div.section");
  let shown = null;
  let name = null;
  fill(root, h("header.bar", {}, h("h1.title", {}, title())), nav, body);
  const show = (now) => {
    const wanted = now.get("tab") in TABS ? now.get("tab") : "users";
    if (wanted === name && shown.update) return shown.update(now);
    shown?.close?.();
    name = wanted;
    fill(nav, Object.keys(TABS).map((one) => h("a", { href: address("admin", { tab: one }), "aria-current": one === name ? "page" : null }, t(`admin_${one}`))));
    shown = TABS[name](now, signal);
    fill(body, h("h2.unseen", {}, t(`admin_${name}`)), shown.content);
  };
  show(params);
  return { refresh: () => shown.refresh?.(), update: show, close: () => shown.close?.() };
}

function overview(_, signal) {
  const body = h("div.overview");
  const load = async () => {
    try {
      const { data } = await call("GET", "/admin/stats", { signal });
      fill(body, ["users", "tasks", "jobs"].map((group) => h("section.card", {}, h("h3", {}, t(`admin_group_${group}`)), h("dl.tiles", {}, Object.entries(data[group]).map(([name, count]) => tile(group, name, count))))));
    } catch (problem) {
      fail(problem);
    }
  };
  load();
  return { content: body, refresh: load };
}

function tile(group, name, count) {
  const isWrong = (name === "parked" && count > 0) || (name === "oldest_waiting_seconds" && count > 300);
  return h(`div.tile${isWrong ? ".wrong" : ""}`, {}, h("dt", {}, t(`admin_${group}_${name}`)), h("dd", {}, count === null ? "–" : number(count)));
}
