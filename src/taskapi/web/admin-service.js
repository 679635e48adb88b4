// How the service does: what was asked of it in the last hour, how fast it answered, what went wrong, how busy it is.

import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { ago, clock, number, t } from "./language.js";
import { firstLoad } from "./loading.js";
import { timePlot } from "./plot.js";

const DATABASES = { sqlite: "SQLite", postgresql: "PostgreSQL" };
// The table has a row for each of so many steps.
const STEPS_A_ROW = 6;

const rounded = (value) => number(Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)));
const milliseconds = (value) => t("service_ms", { n: rounded(value) });
const perSecond = (value) => t("service_per_second", { n: rounded(value) });

// Each a plot: its lines by the API's name and how they look, how their numbers are written, and what the scale shows at
// least. What is counted is told per second.
const PLOTS = [
  { name: "traffic", lines: { requests: "strong", hits: "calm" }, write: perSecond, least: 1, isCounted: true },
  { name: "latency", lines: { p99_ms: "strong", p50_ms: "calm" }, write: milliseconds, least: 10 },
  { name: "errors", lines: { failed: "wrong", refused: "calm" }, write: perSecond, least: 1, isCounted: true },
  { name: "load", lines: { cores: "strong", database_waits: "calm" }, write: rounded, least: 1 },
];

export function serviceTab(_params, signal, problems) {
  const [state, facts, body] = [h("div.state"), h("p.lead"), h("div.signals")];
  const plots = pointedTogether();
  const table = minutes();
  const load = async () => {
    const { data } = await call("GET", "/admin/service", { signal });
    const { times, series } = read(data);
    fill(facts, about(data), data.requests.at(-1) === null ? ` ${t("service_soon", { n: data.step_seconds })}` : "");
    plots.show(times, series);
    table.show(times, series);
    if (!body.hasChildNodes()) fill(body, plots.elements, table.element);
  };
  firstLoad(state, load, problems.refused);
  return { content: [facts, state, body], refresh: () => load().catch(problems.failed) };
}

/** When each step began, and for each plot the numbers of its lines. */
function read(data) {
  const first = Date.parse(data.first_at);
  const times = data.requests.map((_, step) => new Date(first + step * data.step_seconds * 1000).toISOString());
  const rate = (count) => (count === null ? null : count / data.step_seconds);
  const series = PLOTS.map(({ lines, isCounted }) => Object.keys(lines).map((line) => (isCounted ? data[line].map(rate) : data[line])));
  return { times, series };
}

/** The plots, which all show the moment that is pointed at in one of them: the newest, where none is. */
function pointedTogether() {
  let [times, kept] = [[], null];
  const pointAll = () => {
    const found = times.indexOf(kept);
    for (const plot of plots) plot.pointAt(found < 0 ? times.length - 1 : found);
  };
  // Who looks at the newest goes on looking at the newest as others come.
  const point = (at) => {
    kept = at === times.length - 1 ? null : times[at];
    pointAll();
  };
  const plots = PLOTS.map(({ name, lines, write, least }) => {
    const named = Object.entries(lines).map(([line, kind]) => ({ name: t(`service_${line}`), kind }));
    return timePlot(t(`service_${name}`), { lines: named, write, least, point });
  });
  const show = (now, series) => {
    times = now;
    for (const [which, plot] of plots.entries()) plot.show(times, series[which]);
    pointAll();
  };
  return { elements: plots.map(({ element }) => element), show };
}

function about({ scope, processes, version, database, started_at: started }) {
  const whose = scope === "process" ? t("service_process") : t("service_processes", { n: processes });
  return t("service_about", { version, database: DATABASES[database] ?? database, whose, ago: ago(started) });
}

/** The same as a table, with the most of each minute. */
function minutes() {
  const rows = h("tbody");
  const heads = PLOTS.flatMap(({ lines }) => Object.keys(lines)).map((line) => h("th", { scope: "col" }, t(`service_${line}`)));
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("service_time")), heads));
  const table = h("table", {}, h("caption.unseen", {}, t("admin_service")), head, rows);
  const scrolled = h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": t("admin_service") }, table);
  const show = (times, series) => {
    const ends = times.map((_, at) => at).filter((at) => (times.length - 1 - at) % STEPS_A_ROW === 0 && series[0][0][at] !== null);
    fill(rows, ends.reverse().map((at) => row(times[at], series, at)));
  };
  return { element: h("details.as-table", {}, h("summary", {}, t("stats_as_table")), h("p.hint", {}, t("service_most")), scrolled), show };
}

function row(time, series, at) {
  const most = (line) => Math.max(...line.slice(Math.max(at + 1 - STEPS_A_ROW, 0), at + 1).filter((value) => value !== null));
  const word = (value, write) => (Number.isFinite(value) ? write(value) : "–");
  const cells = PLOTS.flatMap(({ write }, which) => series[which].map((line) => word(most(line), write)));
  return h("tr", {}, h("th", { scope: "row" }, clock(time)), cells.map((cell) => h("td", {}, cell)));
}
