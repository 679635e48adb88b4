// What was done to a task, newest first.

import { shown } from "./conflict.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { ago, has, moment, t } from "./language.js";

const PAGE = 20;
// What the person did not do themselves, or sees anyway.
const SILENT = new Set(["position", "completed_at"]);

/** The list of a task's changes, with a button for older ones. */
export function historyList(id, signal) {
  const entries = new Map();
  const take = (items) => items.map((entry) => {
    const key = `${entry.at} ${entry.request_id} ${JSON.stringify(entry.changes)}`;
    entries.set(key, entry);
    return key;
  });
  const feed = new Feed(`/tasks/${id}/history`, {}, take, { page: PAGE, count: false });
  signal.addEventListener("abort", () => feed.end());
  const list = h("ol.history");
  const more = h("button.quiet", { type: "button", hidden: true, onclick: () => feed.more().catch(() => {}) }, t("show_more"));
  feed.events.on("changed", () => {
    fill(list, feed.ids.map((key) => line(entries.get(key))).filter(Boolean));
    more.hidden = feed.isComplete;
  });
  const begun = feed.start().catch(() => {});
  return {
    element: h("section.past", { "aria-labelledby": `past-${id}` }, h("h3", { id: `past-${id}` }, t("history")), list, more),
    refresh: () => begun.then(() => feed.refresh()),
    end: () => feed.end(),
  };
}

function line(entry) {
  const changes = entry.changes.filter(({ field }) => !SILENT.has(field));
  const isPlaced = !changes.length && entry.changes.some(({ field }) => field === "position");
  if (!changes.length && !isPlaced) return null;
  const when = h("time", { datetime: entry.at, title: moment(entry.at) }, ago(entry.at));
  const via = entry.via === "ui" ? null : h("span.via", {}, has(`via_${entry.via}`) ? t(`via_${entry.via}`) : entry.via);
  return h("li", {}, isPlaced ? h("span", {}, t("history_moved")) : sentences(changes), h("span.hint", {}, when, via && " · ", via));
}

function sentences(changes) {
  const isNew = changes.some(({ field, before }) => field === "title" && before === null);
  if (isNew) return h("span", {}, t("history_created"));
  return changes.map(({ field, before, after }) => {
    if (field === "trashed_at") return h("span", {}, t(after ? "history_trashed" : "history_restored"));
    if (field === "description") return h("span", {}, t("history_description"));
    const name = has(`field_${field}`) ? t(`field_${field}`) : field;
    return h("span", {}, `${name}: `, h("del", { dir: "auto" }, shown(field, before)), " → ", h("ins", { dir: "auto" }, shown(field, after)));
  });
}
