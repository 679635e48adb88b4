// How it goes: what is open, what was done on each of thirty days.

import { call } from "./api.js";
import { fill, h, svg } from "./dom.js";
import { day, number, t } from "./language.js";
import { fail } from "./notices.js";

const BAR = 18;
const GAP = 6;
const HEIGHT = 140;
const STATES = ["todo", "in_progress", "done"];

export const title = () => t("stats_title");

export async function open(root) {
  const body = h("div.stats");
  fill(root, h("header.bar", {}, h("h1.title", {}, title())), body);
  let known = null;
  const load = async () => {
    try {
      const { status, data, etag } = await call("GET", "/stats", { known });
      if (status === 304) return;
      known = etag;
      fill(body, tiles(data), split(data), perDay(data.done_per_day));
    } catch (problem) {
      fail(problem);
    }
  };
  await load();
  return { refresh: load };
}

function tiles(data) {
  const week = data.done_per_day.slice(-7).reduce((sum, { count }) => sum + count, 0);
  const shown = [["stats_open", data.todo + data.in_progress], ["stats_overdue", data.overdue, data.overdue > 0], ["stats_week", week], ["stats_trashed", data.trashed]];
  return h("dl.tiles", {}, shown.map(([word, count, isWrong]) => h(`div.tile${isWrong ? ".wrong" : ""}`, {}, h("dt", {}, t(word)), h("dd", {}, number(count)))));
}

/** A bar of all tasks, parted by their status, with the numbers below it. */
function split(data) {
  const all = STATES.reduce((sum, state) => sum + data[state], 0);
  const parts = STATES.map((state) => h(`span.part.${state}`, { style: { "flex-grow": String(data[state]) }, hidden: data[state] === 0 }));
  const legend = STATES.map((state) => h("li", {}, h(`span.status-dot.${state}`, { "aria-hidden": "true" }), h("span", {}, t(`status_${state}`)), h("span.count", {}, number(data[state]))));
  return h("section.card.split", { "aria-labelledby": "stats-split" }, [
    h("h2", { id: "stats-split" }, t("stats_split")),
    all > 0 && h("div.split-bar", { "aria-hidden": "true" }, parts),
    h("ul.legend", {}, legend),
  ]);
}

function perDay(days) {
  const all = days.reduce((sum, { count }) => sum + count, 0);
  return h("section.card", { "aria-labelledby": "stats-days" }, [
    h("h2", { id: "stats-days" }, t("stats_days")),
    h("p.lead", {}, all ? t("stats_days_sum", { n: all }) : t("stats_days_none")),
    plot(days),
    h("details", {}, h("summary", {}, t("stats_as_table")), table(days)),
  ]);
}

/** The plot is a picture of the table below it; what it says stands in the sentence above and in the table. */
function plot(days) {
  const most = Math.max(...days.map(({ count }) => count), 1);
  const width = days.length * (BAR + GAP);
  const isMirrored = document.documentElement.dir === "rtl";
  const bars = days.map(({ date, count }, index) => {
    const height = Math.max((count / most) * HEIGHT, count ? 3 : 1);
    const x = (isMirrored ? days.length - 1 - index : index) * (BAR + GAP) + GAP / 2;
    const bar = svg("rect", { x, y: HEIGHT - height, width: BAR, height, rx: 3, class: count ? "bar-of-day" : "no-bar" });
    bar.append(svg("title", {}, `${day(date, days.at(-1).date)}: ${number(count)}`));
    return bar;
  });
  const lines = [most, Math.ceil(most / 2)].filter((one, at, all) => all.indexOf(one) === at);
  const guides = lines.map((value) => svg("line", { x1: 0, x2: width, y1: HEIGHT - (value / most) * HEIGHT, y2: HEIGHT - (value / most) * HEIGHT, class: "guide" }));
  const picture = svg("svg", { viewBox: `0 -2 ${width} ${HEIGHT + 4}`, class: "plot", "aria-hidden": "true", preserveAspectRatio: "none" }, guides, bars);
  return h("div.plot-frame", { "aria-hidden": "true" }, [
    h("div.scale", {}, h("span", {}, number(most)), h("span", {}, "0")),
    picture,
    h("div.ends", {}, h("span", {}, day(days[0].date, days.at(-1).date)), h("span", {}, day(days.at(-1).date, days.at(-1).date))),
  ]);
}

function table(days) {
  const rows = [...days].reverse().map(({ date, count }) => h("tr", {}, h("th", { scope: "row" }, day(date, days.at(-1).date)), h("td", {}, number(count))));
  return h("table", {}, [
    h("caption.unseen", {}, t("stats_days")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("stats_day")), h("th", { scope: "col" }, t("status_done")))),
    h("tbody", {}, rows),
  ]);
}
