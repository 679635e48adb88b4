// Background jobs: what waits, runs, was done or was given up.

import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { select } from "./forms.js";
import { ago, moment, number, t } from "./language.js";
import { fail, tell } from "./notices.js";
import { adjust } from "./router.js";

const PAGE = 50;
const STATES = ["waiting", "running", "parked", "done"];

export function jobsTab(params, signal) {
  const jobs = new Map();
  const rows = h("tbody");
  const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => feed.more().catch(fail) }, t("show_more"));
  const empty = h("p.empty", { hidden: true }, t("admin_jobs_none"));
  let feed = null;
  const take = (items) => items.map((job) => {
    jobs.set(job.id, job);
    return job.id;
  });
  const refresh = () => feed.refresh().catch(fail);
  const load = (now) => {
    feed?.end();
    feed = new Feed("/admin/jobs", { state: now.get("state") }, take, { page: PAGE, count: false });
    feed.events.on("changed", () => {
      const focused = rows.contains(document.activeElement) ? document.activeElement.dataset.of : null;
      fill(rows, feed.ids.map((id) => row(jobs.get(id), refresh)));
      more.hidden = feed.isComplete;
      empty.hidden = feed.ids.length > 0;
      if (focused) rows.querySelector(`[data-of="${focused}"]`)?.focus();
    });
    feed.start().catch(fail);
  };
  load(params);
  signal.addEventListener("abort", () => feed.end());
  const control = select("state", [["", t("admin_any_job")], ...STATES.map((state) => [state, t(`admin_job_${state}`)])], params.get("state") ?? "", { "aria-label": t("admin_state") });
  control.addEventListener("change", () => adjust({ state: control.value || null }, { replace: true }));
  const columns = ["admin_job", "admin_state", "admin_attempts", "admin_at", "admin_error"];
  const table = h("table", {}, h("caption.unseen", {}, t("admin_jobs")), h("thead", {}, h("tr", {}, columns.map((word) => h("th", { scope: "col" }, t(word))), h("th", { scope: "col" }, h("span.unseen", {}, t("admin_acts"))))), rows);
  return { content: [h("div.table-bar", {}, control), h("div.table-frame", {}, table), empty, more], refresh, update: load, close: () => feed.end() };
}

function row(job, refresh) {
  const canRetry = job.state === "parked" || job.state === "waiting";
  const retry = h("button.quiet", { type: "button", dataset: { of: job.id }, "aria-label": t("admin_retry_one", { kind: job.kind }), onclick: () => retryJob(job, refresh) }, t("admin_retry"));
  return h("tr", {}, [
    h("td", {}, h("code", { title: job.id }, job.kind)),
    h("td", {}, h(`span.badge${job.state === "parked" ? ".wrong" : ""}`, {}, t(`admin_job_${job.state}`))),
    h("td", {}, number(job.attempts)),
    h("td", {}, h("time", { datetime: job.created_at, title: moment(job.created_at) }, ago(job.created_at))),
    h("td.error", { dir: "auto" }, job.last_error ?? "–"),
    h("td.acts-cell", {}, canRetry && retry),
  ]);
}

async function retryJob(job, refresh) {
  try {
    await call("POST", `/admin/jobs/${job.id}/retry`, { body: {} });
    tell(t("admin_retried"));
  } catch (problem) {
    fail(problem);
  }
  await refresh();
}
