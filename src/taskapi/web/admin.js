// For admins: users, what was remembered, background jobs, and how the service does.

import { auditTab } from "./admin-audit.js";
import { jobsTab } from "./admin-jobs.js";
import { overviewTab } from "./admin-overview.js";
import { serviceTab } from "./admin-service.js";
import { usersTab } from "./admin-users.js";
import { fill, h } from "./dom.js";
import { t } from "./language.js";
import { fail, say } from "./notices.js";
import { address } from "./router.js";
import { me, meet } from "./session.js";

// Each makes { content, refresh?, update?, close? } for its parameters.
const TABS = { users: usersTab, audit: auditTab, jobs: jobsTab, overview: overviewTab, service: serviceTab };

export const title = () => t("admin_title");

export async function open(root, { params, signal }) {
  if (!isAdmin()) return refuse(root);
  const body = h("div.section");
  const links = Object.keys(TABS).map((one) => h("a", { href: address("admin", { tab: one }), dataset: { tab: one } }, t(`admin_${one}`)));
  fill(root, h("header.bar", {}, h("h1.title", {}, title())), h("nav.tabs.across", { "aria-label": title() }, links), body);
  let shown = null;
  let name = null;
  const refused = async (problem) => {
    if (problem.status !== 404) return false;
    // The API says 404 to whoever is no admin any more.
    await meet().catch(fail);
    if (isAdmin()) return false;
    shown.close?.();
    if (!signal.aborted) shown = refuse(root);
    return true;
  };
  const failed = async (problem) => (await refused(problem)) || fail(problem);
  const show = (now) => {
    const wanted = now.get("tab") in TABS ? now.get("tab") : "users";
    if (wanted === name && shown.update) return shown.update(now);
    shown?.close?.();
    if (name) say(t(`admin_${wanted}`));
    name = wanted;
    mark(links, name);
    shown = TABS[name](now, signal, { refused, failed });
    fill(body, h("h2.unseen", {}, t(`admin_${name}`)), shown.content);
  };
  show(params);
  return { refresh: () => shown.refresh?.(), update: (now) => isAdmin() && show(now), close: () => shown.close?.() };
}

const isAdmin = () => me.get().role === "admin";

function mark(links, name) {
  for (const link of links) {
    if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function refuse(root) {
  fill(root, h("div.empty.whole", {}, h("h1", {}, t("not_found_title")), h("p", {}, t("admin_no_admin"))));
  return {};
}
