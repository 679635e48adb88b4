// How much there is of everything.

import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { has, number, t } from "./language.js";
import { firstLoad } from "./loading.js";

const GROUPS = ["users", "tasks", "jobs"];
// A job that is due is begun within seconds.
const LONG_WAIT_SECONDS = 300;

export function overviewTab(_params, signal, problems) {
  const [state, body] = [h("div.state"), h("div.overview")];
  let known = null;
  const load = async () => {
    const { status, data, etag } = await call("GET", "/admin/stats", { known, signal });
    if (status === 304) return;
    known = etag;
    fill(body, GROUPS.map((group) => section(group, data[group])));
  };
  firstLoad(state, load, problems.refused);
  return { content: [state, body], refresh: () => load().catch(problems.failed) };
}

function section(group, counts) {
  // A count that is newer than this page has no name here.
  const named = Object.entries(counts).filter(([name]) => has(`admin_${group}_${name}`));
  return h("section.card", {}, h("h3", {}, t(`admin_group_${group}`)), h("dl.tiles", {}, named.map(([name, count]) => tile(group, name, count))));
}

function tile(group, name, count) {
  const isWait = name === "oldest_waiting_seconds";
  const isWrong = (name === "parked" && count > 0) || (isWait && count > LONG_WAIT_SECONDS);
  return h(`div.tile${isWrong ? ".wrong" : ""}`, {}, h("dt", {}, t(`admin_${group}_${name}`)), h("dd", {}, isWait ? lasting(count) : number(count)));
}

function lasting(seconds) {
  if (seconds === null) return "–";
  return seconds < 120 ? t("admin_seconds", { n: seconds }) : t("admin_minutes", { n: Math.round(seconds / 60) });
}
