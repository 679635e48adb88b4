// A picture of how much was done on each of some days, one of which is pointed at: by mouse, finger or arrow keys.

import { fill, h, svg } from "./dom.js";
import { day, number, t } from "./language.js";

const BAR = 18;
const GAP = 6;
const HEIGHT = 140;
// What steps to another day, towards the newest; a page is a week.
const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 7, PageDown: -7, Home: -Infinity, End: Infinity };

const isMirrored = () => document.documentElement.dir === "rtl";

/** { element, show(days) }: `days` are { date, count } each, today last. */
export function dayPlot() {
  const parts = { said: h("p.of-day", { "aria-hidden": "true" }), scale: h("div.scale"), ends: h("div.ends") };
  // To assistive technology it is what it does: one value chosen out of a row, told in words.
  const frame = h("div.plot-frame", { role: "slider", tabindex: "0", "aria-label": t("stats_days"), "aria-valuemin": "0" });
  const plot = { frame, parts, days: [], at: null };
  frame.addEventListener("pointermove", (event) => point(plot, under(plot, event)));
  frame.addEventListener("pointerdown", (event) => point(plot, under(plot, event)));
  frame.addEventListener("keydown", (event) => step(plot, event));
  const show = (days) => {
    // Who looks at today goes on looking at today when a new day begins.
    const at = plot.at === null || plot.at === plot.days.length - 1 ? days.length - 1 : Math.min(plot.at, days.length - 1);
    plot.days = days;
    draw(plot);
    point(plot, at);
  };
  return { element: h("div.days", {}, parts.said, frame), show };
}

function draw(plot) {
  const { days, frame, parts } = plot;
  const most = Math.max(...days.map(({ count }) => count), 1);
  const width = days.length * (BAR + GAP);
  plot.bars = days.map(({ count }, index) => bar(count / most, isMirrored() ? days.length - 1 - index : index));
  const lines = most > 1 ? [most, most / 2] : [most];
  const guides = lines.map((value) => HEIGHT - (value / most) * HEIGHT);
  const drawn = guides.map((y) => svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "guide" }));
  const given = { viewBox: `0 -2 ${width} ${HEIGHT + 4}`, class: "plot", "aria-hidden": "true", preserveAspectRatio: "none" };
  plot.picture = svg("svg", given, drawn, plot.bars);
  fill(parts.scale, h("span", {}, number(most)), h("span", {}, "0"));
  fill(parts.ends, h("span", {}, name(days, 0)), h("span", {}, name(days, days.length - 1)));
  fill(frame, parts.scale, plot.picture, parts.ends);
  frame.setAttribute("aria-valuemax", String(days.length - 1));
}

function bar(share, place) {
  const height = Math.max(share * HEIGHT, share ? 3 : 1);
  const box = { x: place * (BAR + GAP) + GAP / 2, y: HEIGHT - height, width: BAR, height, rx: 3 };
  return svg("rect", { ...box, class: share ? "bar-of-day" : "no-bar" });
}

/** Point at a day, and say how much was done on it. */
function point(plot, at) {
  const { days, bars, frame, parts } = plot;
  for (const [index, one] of bars.entries()) one.classList.toggle("at", index === at);
  plot.at = at;
  const text = t("stats_of_day", { when: name(days, at), n: days[at].count });
  fill(parts.said, text);
  frame.setAttribute("aria-valuenow", String(at));
  frame.setAttribute("aria-valuetext", text);
}

function under({ picture, days }, { clientX }) {
  const { left, width } = picture.getBoundingClientRect();
  const share = (clientX - left) / width;
  return within(days, Math.floor((isMirrored() ? 1 - share : share) * days.length));
}

function step(plot, event) {
  const forward = isMirrored() ? "ArrowLeft" : "ArrowRight";
  const back = isMirrored() ? "ArrowRight" : "ArrowLeft";
  const by = { ...STEPS, [forward]: 1, [back]: -1 }[event.key];
  if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  point(plot, within(plot.days, plot.at + by));
}

const within = (days, at) => Math.min(Math.max(at, 0), days.length - 1);

const name = (days, at) => day(days[at].date, days.at(-1).date);
