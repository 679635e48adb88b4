// A table of the administration that comes page by page; where there is little room its rows are stacked.

import { h } from "./dom.js";
import { Feed } from "./feed.js";
import { t } from "./language.js";
import { firstLoad, refill } from "./loading.js";

const PAGE = 50;

/**
 * `columns` are the words above the cells that `cells(item)` gives, null where there is nothing to say; `none` is the word
 * where there are no rows.
 * `drawn(feed)` is called when rows have changed. `problems` says what comes of calls that are refused: `refused` tells
 * whether that ended the whole screen, `failed` says to the person why.
 */
export function pagedTable({ path, caption, columns, cells, none, count = false, drawn = () => {}, problems }) {
  const items = new Map();
  const rows = h("tbody", { role: "rowgroup" });
  const frame = h("div.table-frame", { tabindex: "-1", hidden: true }, table(caption, columns, rows));
  const empty = h("p.empty", { hidden: true }, t(none));
  const state = h("div.state");
  const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => next() }, t("show_more"));
  let feed = null;
  const take = (page) => page.map((item) => {
    items.set(item.id, item);
    return item.id;
  });
  const draw = () => {
    frame.hidden = feed.ids.length === 0;
    empty.hidden = !frame.hidden;
    refill(rows, feed.ids.map((id) => line(columns, cells(items.get(id)))), () => frame);
    const isLeft = feed.isComplete && document.activeElement === more;
    more.hidden = feed.isComplete;
    if (isLeft) frame.focus({ preventScroll: true });
    drawn(feed);
  };
  const refresh = () => feed.refresh().catch(problems.failed);
  const next = () => feed.more().catch(problems.failed);
  const load = (query) => {
    feed?.end();
    const asked = new Feed(path, query, take, { page: PAGE, count });
    feed = asked;
    asked.events.on("changed", () => asked === feed && draw());
    empty.hidden = true;
    firstLoad(state, () => asked.start(), problems.refused);
  };
  const isShort = () => feed.ids.length <= PAGE;
  return { content: [frame, empty, state, more], load, refresh, isShort, close: () => feed.end() };
}

// The roles are said because rows that are stacked would not be taken for a table's everywhere.
function table(caption, columns, rows) {
  const heads = columns.map((word) => h("th", { scope: "col", role: "columnheader" }, h("span", {}, t(word))));
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads));
  return h("table", { role: "table" }, h("caption.unseen", {}, t(caption)), head, rows);
}

function line(columns, cells) {
  const made = cells.map((content, at) => {
    const given = at ? { role: "cell" } : { role: "rowheader", scope: "row" };
    const kind = content === null ? ".no-word" : "";
    return h(`${at ? "td" : "th"}${kind}`, { ...given, dataset: { label: t(columns[at]) } }, h("div", {}, content ?? "–"));
  });
  return h("tr", { role: "row" }, made);
}
