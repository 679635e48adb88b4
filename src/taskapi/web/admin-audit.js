// What was remembered for good: who did what to whom, in ids.

import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { input } from "./forms.js";
import { has, moment, t } from "./language.js";
import { instantOf } from "./dates.js";
import { fail } from "./notices.js";
import { adjust } from "./router.js";

const PAGE = 50;
const FIELDS = [["actor", "text"], ["action", "text"], ["since", "date"], ["until", "date"]];

export function auditTab(params, signal) {
  const entries = new Map();
  const rows = h("tbody");
  const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => feed.more().catch(fail) }, t("show_more"));
  const empty = h("p.empty", { hidden: true }, t("admin_audit_none"));
  let feed = null;
  const take = (items) => items.map((entry) => {
    entries.set(entry.id, entry);
    return entry.id;
  });
  const load = (now) => {
    feed?.end();
    const at = (name) => now.get(name) && instantOf(now.get(name), "00:00");
    feed = new Feed("/admin/audit", { actor: now.get("actor"), action: now.get("action"), since: at("since"), until: at("until") }, take, { page: PAGE, count: false });
    feed.events.on("changed", () => {
      fill(rows, feed.ids.map((id) => row(entries.get(id))));
      more.hidden = feed.isComplete;
      empty.hidden = feed.ids.length > 0;
    });
    feed.start().catch((problem) => {
      if (problem.status !== 400) fail(problem);
      fill(rows);
      empty.hidden = false;
    });
  };
  load(params);
  signal.addEventListener("abort", () => feed.end());
  const columns = ["admin_at", "admin_actor", "admin_action", "admin_target", "admin_details"];
  const table = h("table.audit", {}, h("caption.unseen", {}, t("admin_audit")), h("thead", {}, h("tr", {}, columns.map((word) => h("th", { scope: "col" }, t(word))))), rows);
  // What was remembered does not change; news come on top when they are asked for.
  return { content: [filters(params), h("div.table-frame", {}, table), empty, more], refresh: () => feed.ids.length <= PAGE && feed.refresh().catch(fail), update: load, close: () => feed.end() };
}

function filters(params) {
  const made = h("form.table-bar", { role: "search" }, FIELDS.map(([name, type]) => {
    const control = input(name, { type, value: params.get(name) ?? "", "aria-label": t(`admin_filter_${name}`), placeholder: t(`admin_filter_${name}`), dir: "ltr" });
    control.addEventListener("change", () => adjust({ [name]: control.value.trim() || null }, { replace: true }));
    return h("div.labelled", {}, h("span.hint", { "aria-hidden": "true" }, t(`admin_filter_${name}`)), control);
  }));
  made.addEventListener("submit", (event) => event.preventDefault());
  return made;
}

function row(entry) {
  const who = entry.actor_id ? idLink(entry.actor_id) : h("span.hint", {}, has(`via_${entry.via}`) ? t(`via_${entry.via}`) : entry.via);
  const details = Object.entries(entry.details).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return h("tr", {}, [
    h("td", {}, h("time", { datetime: entry.at }, moment(entry.at))),
    h("td", {}, who),
    h("td", {}, h("code", {}, entry.action)),
    h("td", {}, entry.target_id ? [h("span.hint", {}, `${entry.target_kind} `), h("code.id", { title: entry.target_id }, short(entry.target_id))] : "–"),
    h("td", { dir: "auto" }, details.join(", ")),
  ]);
}

/** An id that leads to everything the same person did. */
function idLink(id) {
  return h("button.link", { type: "button", title: id, "aria-label": t("admin_only_actor", { id }), onclick: () => adjust({ actor: id }) }, h("code", {}, short(id)));
}

const short = (id) => `…${id.slice(-8)}`;
