// Where one is signed in.

import { call } from "./api.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { ago, moment, t } from "./language.js";
import { firstLoad, refill } from "./loading.js";
import { fail, tell } from "./notices.js";

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"], ["curl", "curl"], ["python", "Python"], ["taskapi", "taskapi"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

export function sessionsSection(signal) {
  const list = h("ul.plain");
  const others = h("button", { type: "button", hidden: true, onclick: () => endOthers(load) }, t("sessions_end_others"));
  const read = async () => {
    const { data } = await call("GET", "/auth/sessions", { signal });
    const heading = list.closest("section").querySelector("h2");
    refill(list, data.items.map((session) => line(session, load)), () => heading);
    if (document.activeElement === others && data.items.length < 2) heading.focus();
    others.hidden = data.items.length < 2;
  };
  const load = () => read().catch(fail);
  const state = h("div.state");
  firstLoad(state, read);
  return { content: [h("p.lead", {}, t("sessions_lead")), state, list, h("div.acts", {}, others)], refresh: load };
}

function line(session, load) {
  const device = deviceOf(session.user_agent);
  const seen = h("span.hint", { id: `seen-${session.id}` }, t("sessions_seen", { when: ago(session.last_seen_at), ip: session.ip || "–" }));
  const since = h("span.hint", {}, t("sessions_since", { when: moment(session.created_at) }));
  // Two sessions of one device are told apart by when they were seen.
  const named = { "aria-label": t("sessions_end_one", { device }), "aria-describedby": seen.id };
  const given = { type: "button", ...named, dataset: { of: session.id }, onclick: () => endOne(session, device, load) };
  return h("li.line", {}, [
    h("div.what", {}, h("span.name", { title: session.user_agent, dir: "auto" }, device), seen, since),
    session.current ? h("span.badge", {}, t("sessions_this")) : h("button.quiet.danger", given, t("sessions_end")),
  ]);
}

/** A browser and its system, as far as it says. */
function deviceOf(agent) {
  const find = (known) => known.find(([sign]) => agent.toLowerCase().includes(sign.toLowerCase()))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  if (browser && system) return t("sessions_device", { browser, system });
  return browser ?? system ?? (agent.slice(0, 60) || t("sessions_unknown"));
}

async function endOne({ id }, device, load) {
  try {
    await call("DELETE", `/auth/sessions/${id}`);
    tell(t("sessions_ended", { device }));
  } catch (problem) {
    if (problem.status !== 404) fail(problem);
  }
  await load();
}

async function endOthers(load) {
  if (!(await confirm(t("sessions_end_others"), t("sessions_end_sure"), t("sessions_end_others")))) return;
  try {
    await call("DELETE", "/auth/sessions", { query: { keep_current: true } });
    tell(t("sessions_others_ended"));
  } catch (problem) {
    fail(problem);
  }
  await load();
}
