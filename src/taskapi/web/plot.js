// Pictures of numbers over time, in which one points at a day or a moment: by mouse, finger or arrow keys.

import { fill, h, svg } from "./dom.js";
import { clock, day, number, t } from "./language.js";

const BAR = 18;
const GAP = 6;
const BARS_HEIGHT = 140;
const WEEK = 7;
const LINES_HEIGHT = 100;
const PAGE = 30;
// Lines are as thick however far the picture is stretched.
const DRAWN = { fill: "none", stroke: "currentColor", "vector-effect": "non-scaling-stroke" };

/** { element, show(days) }: `days` are { date, count } each, today last. */
export function dayPlot() {
  const parts = { said: h("p.of-day", { "aria-hidden": "true" }), scale: h("div.scale"), ends: h("div.ends") };
  const plot = { parts, days: [], at: null };
  plot.frame = pointedFrame(t("stats_days"), {
    at: () => plot.at,
    count: () => plot.days.length,
    point: (at) => pointAtDay(plot, at),
    picture: () => plot.picture,
    page: WEEK,
  });
  const show = (days) => {
    // Who looks at today goes on looking at today when a new day begins.
    const at = plot.at === null || plot.at === plot.days.length - 1 ? days.length - 1 : Math.min(plot.at, days.length - 1);
    plot.days = days;
    drawBars(plot);
    pointAtDay(plot, at);
  };
  return { element: h("div.days", {}, parts.said, plot.frame), show };
}

function drawBars(plot) {
  const { days, frame, parts } = plot;
  const most = Math.max(...days.map(({ count }) => count), 1);
  const width = days.length * (BAR + GAP);
  plot.bars = days.map(({ count }, index) => bar(count / most, isMirrored() ? days.length - 1 - index : index));
  const lines = most > 1 ? [most, most / 2] : [most];
  const guides = lines.map((value) => BARS_HEIGHT - (value / most) * BARS_HEIGHT);
  const drawn = guides.map((y) => svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "guide" }));
  const given = { viewBox: `0 -2 ${width} ${BARS_HEIGHT + 4}`, class: "plot", "aria-hidden": "true", preserveAspectRatio: "none" };
  plot.picture = svg("svg", given, drawn, plot.bars);
  fill(parts.scale, h("span", {}, number(most)), h("span", {}, "0"));
  fill(parts.ends, h("span", {}, nameOf(days, 0)), h("span", {}, nameOf(days, days.length - 1)));
  fill(frame, parts.scale, plot.picture, parts.ends);
  frame.setAttribute("aria-valuemax", String(days.length - 1));
}

function bar(share, place) {
  const height = Math.max(share * BARS_HEIGHT, share ? 3 : 1);
  const box = { x: place * (BAR + GAP) + GAP / 2, y: BARS_HEIGHT - height, width: BAR, height, rx: 3 };
  return svg("rect", { ...box, class: share ? "bar-of-day" : "no-bar" });
}

/** Point at a day, and say how much was done on it. */
function pointAtDay(plot, at) {
  const { days, bars, frame, parts } = plot;
  for (const [index, one] of bars.entries()) one.classList.toggle("at", index === at);
  plot.at = at;
  const text = t("stats_of_day", { when: nameOf(days, at), n: days[at].count });
  fill(parts.said, text);
  frame.setAttribute("aria-valuenow", String(at));
  frame.setAttribute("aria-valuetext", text);
}

const nameOf = (days, at) => day(days[at].date, days.at(-1).date);

/**
 * { element, show(times, series), pointAt(index) }. `lines` are { name, kind } of the numbers, in the order of `series`,
 * which has a number or null for each of `times` (instants); `write` puts one into words. The scale reaches to `least`
 * or further. `point(index)` is told when another moment is pointed at, and null when none is any more.
 */
export function timePlot(label, { lines, write, least, point }) {
  const values = lines.map(() => h("span.value", { dir: "auto" }));
  const legend = h("ul.legend", { "aria-hidden": "true" }, lines.map(({ name, kind }, which) => h("li", {}, h(`span.swatch.${kind}`), h("span", {}, name), values[which])));
  const when = h("span.when", { "aria-hidden": "true", dir: "auto" });
  const plot = { lines, write, least, values, when, times: [], series: [], at: 0, scale: h("div.scale"), ends: h("div.ends") };
  plot.frame = pointedFrame(label, { at: () => plot.at, count: () => plot.times.length, point, picture: () => plot.picture, page: PAGE });
  plot.frame.addEventListener("pointerleave", () => point(null));
  const show = (times, series) => {
    plot.times = times;
    plot.series = series;
    drawLines(plot);
  };
  const element = h("section.card", {}, h("div.heading", {}, h("h3", {}, label), when), legend, plot.frame);
  return { element, show, pointAt: (at) => pointAtMoment(plot, at) };
}

function drawLines(plot) {
  const { times, series, lines, frame, scale, ends, write } = plot;
  const most = niceMost([plot.least, ...series.flat()]);
  const width = times.length - 1;
  const x = (index) => (isMirrored() ? width - index : index);
  const paths = series.map((one, which) => svg("path", { ...DRAWN, d: path(one, most, x), class: lines[which].kind, "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" }));
  const guides = [0, LINES_HEIGHT / 2].map((y) => svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "guide" }));
  plot.cursor = svg("line", { ...DRAWN, y1: 0, y2: LINES_HEIGHT });
  const given = { viewBox: `0 -2 ${width} ${LINES_HEIGHT + 4}`, class: "plot", "aria-hidden": "true", preserveAspectRatio: "none" };
  plot.picture = svg("svg", given, guides, paths.reverse(), plot.cursor);
  fill(scale, h("span", { dir: "auto" }, write(most)), h("span", {}, number(0)));
  fill(ends, [0, Math.floor(width / 2), width].map((index) => h("span", { dir: "auto" }, clock(times[index]))));
  fill(frame, scale, plot.picture, ends);
  frame.setAttribute("aria-valuemax", String(width));
}

/** Point at a moment, and say what was then; the newest needs no line and no time. */
function pointAtMoment(plot, at) {
  const { times, series, lines, values, when, frame, cursor, write } = plot;
  const width = times.length - 1;
  const x = isMirrored() ? width - at : at;
  plot.at = at;
  cursor.setAttribute("x1", x);
  cursor.setAttribute("x2", x);
  cursor.setAttribute("visibility", at === width ? "hidden" : "visible");
  fill(when, at === width ? "" : clock(times[at]));
  const said = series.map((one) => (one[at] === null ? "–" : write(one[at])));
  for (const [which, value] of values.entries()) fill(value, said[which]);
  frame.setAttribute("aria-valuenow", String(at));
  frame.setAttribute("aria-valuetext", `${clock(times[at])}: ${lines.map(({ name }, which) => `${name} ${said[which]}`).join(", ")}`);
}

/** A line that is broken where nothing is known; a moment alone is a dot. */
function path(numbers, most, x) {
  let isDrawn = false;
  const steps = numbers.map((value, index) => {
    if (value === null) {
      isDrawn = false;
      return "";
    }
    const place = `${x(index)} ${(LINES_HEIGHT - (value / most) * LINES_HEIGHT).toFixed(2)}`;
    const step = isDrawn ? `L${place}` : `M${place}h.01`;
    isDrawn = true;
    return step;
  });
  return steps.join("");
}

/** The next 1, 2 or 5 with noughts that is not below any of the numbers. */
function niceMost(numbers) {
  const most = Math.max(...numbers.map((value) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((one) => Number((one * power).toPrecision(1))).find((one) => one >= most);
}

const isMirrored = () => document.documentElement.dir === "rtl";

/**
 * A frame to draw a plot into. `at()` says which of `count()` moments is pointed at, the newest being the last;
 * `point(index)` is told of another, `picture()` is what they are spread over. `page` is how far a page goes.
 */
function pointedFrame(label, { at, count, point, picture, page }) {
  // To assistive technology it is what it does: one value chosen out of a row, told in words.
  const frame = h("div.plot-frame", { role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": "0" });
  const within = (index) => Math.min(Math.max(index, 0), count() - 1);
  const under = ({ clientX }) => {
    const { left, width } = picture().getBoundingClientRect();
    const share = (clientX - left) / width;
    return Math.floor((isMirrored() ? 1 - share : share) * count());
  };
  const follow = (event) => count() > 0 && point(within(under(event)));
  frame.addEventListener("pointermove", follow);
  frame.addEventListener("pointerdown", follow);
  frame.addEventListener("keydown", (event) => {
    const by = stepOf(event, page);
    if (by === undefined || count() === 0) return;
    event.preventDefault();
    point(within(at() + by));
  });
  return frame;
}

/** How far a key goes, towards the newest. */
function stepOf({ key, ctrlKey, metaKey, altKey }, page) {
  if (ctrlKey || metaKey || altKey) return undefined;
  const [forward, back] = isMirrored() ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
  const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: page, PageDown: -page, Home: -Infinity, End: Infinity, [forward]: 1, [back]: -1 };
  return steps[key];
}
