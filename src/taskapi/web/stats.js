// How it goes: what is open, what was done on each of thirty days.

import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { day, number, t } from "./language.js";
import { firstLoad } from "./loading.js";
import { fail } from "./notices.js";
import { dayPlot } from "./plot.js";

const STATES = ["todo", "in_progress", "done"];

export const title = () => t("stats_title");

export async function open(root, { signal }) {
  const [state, body] = [h("div.state"), h("div.stats")];
  fill(root, h("header.bar", {}, h("h1.title", {}, title())), state, body);
  const days = perDay();
  const counts = h("div.stats");
  let known = null;
  const load = async () => {
    const { status, data, etag } = await call("GET", "/stats", { known, signal });
    if (status === 304) return;
    // The plot and the table stay the elements they are: one may have the focus, the other be open.
    fill(counts, tiles(data), split(data));
    days.show(data.done_per_day);
    if (known === null) fill(body, counts, days.element);
    known = etag;
  };
  firstLoad(state, load);
  return { refresh: () => known !== null && load().catch(fail) };
}

function tiles(data) {
  const week = data.done_per_day.slice(-7).reduce((sum, { count }) => sum + count, 0);
  const shown = [
    ["stats_open", data.todo + data.in_progress],
    ["stats_overdue", data.overdue, data.overdue > 0],
    ["stats_week", week],
    ["stats_trashed", data.trashed],
  ];
  const tile = (word, count, isWrong) => h(`div.tile${isWrong ? ".wrong" : ""}`, {}, h("dt", {}, t(word)), h("dd", {}, number(count)));
  return h("dl.tiles", {}, shown.map((one) => tile(...one)));
}

/** A bar of all tasks, parted by their status, with the numbers below it. */
function split(data) {
  const all = STATES.reduce((sum, state) => sum + data[state], 0);
  const part = (state) => h(`span.part.${state}`, { style: { "flex-grow": String(data[state]) }, hidden: data[state] === 0 });
  const legend = (state) => h("li", {}, [
    h(`span.status-dot.${state}`, { "aria-hidden": "true" }),
    h("span", {}, t(`status_${state}`)),
    h("span.count", {}, number(data[state])),
  ]);
  return h("section.card.split", { "aria-labelledby": "stats-split" }, [
    h("h2", { id: "stats-split" }, t("stats_split")),
    all > 0 ? h("div.split-bar", { "aria-hidden": "true" }, STATES.map(part)) : h("p.lead", {}, t("stats_split_none")),
    h("ul.legend", {}, STATES.map(legend)),
  ]);
}

/** What was done day by day: a sentence, a picture, and the same as a table. */
function perDay() {
  const lead = h("p.lead");
  const plot = dayPlot();
  const rows = h("tbody");
  const table = h("table", {}, [
    h("caption.unseen", {}, t("stats_days")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("stats_day")), h("th", { scope: "col" }, t("status_done")))),
    rows,
  ]);
  const element = h("section.card", { "aria-labelledby": "stats-days" }, [
    h("h2", { id: "stats-days" }, t("stats_days")),
    lead,
    plot.element,
    h("details", {}, h("summary", {}, t("stats_as_table")), table),
  ]);
  const show = (days) => {
    const all = days.reduce((sum, { count }) => sum + count, 0);
    fill(lead, all ? t("stats_days_sum", { n: all }) : t("stats_days_none"));
    plot.element.hidden = all === 0;
    plot.show(days);
    fill(rows, [...days].reverse().map(({ date, count }) => row(day(date, days.at(-1).date), count)));
  };
  return { element, show };
}

const row = (when, count) => h("tr", {}, h("th", { scope: "row" }, when), h("td", {}, number(count)));
