// Background jobs: what waits, runs, was done or was given up.

import { call } from "./api.js";
import { h } from "./dom.js";
import { filterBar } from "./filters.js";
import { select } from "./forms.js";
import { ago, has, moment, number, t } from "./language.js";
import { tell } from "./notices.js";
import { pagedTable } from "./pages.js";

const STATES = ["waiting", "running", "parked", "done"];
const COLUMNS = ["admin_job", "admin_state", "admin_attempts", "admin_due", "admin_error", "admin_acts"];

export function jobsTab(params, signal, problems) {
  const options = [["", t("admin_any_state")], ...STATES.map((state) => [state, nameOf(state)])];
  const filters = filterBar([select("state", options, "", { "aria-label": t("admin_state") })]);
  const pages = pagedTable({
    path: "/admin/jobs",
    caption: "admin_jobs",
    columns: COLUMNS,
    none: "admin_jobs_none",
    problems,
    cells: (job) => cells(job, () => retry(job)),
  });
  const retry = async (job) => {
    try {
      await call("POST", `/admin/jobs/${job.id}/retry`, { body: {} });
      tell(t("admin_retried"));
    } catch (problem) {
      await problems.failed(problem);
    }
    await pages.refresh();
  };
  const update = (now) => {
    filters.show(now);
    pages.load({ state: now.get("state") });
  };
  const close = () => {
    filters.close();
    pages.close();
  };
  signal.addEventListener("abort", close);
  update(params);
  return { content: [filters.bar, pages.content], refresh: pages.refresh, update, close };
}

function cells(job, retry) {
  const canRetry = job.state === "parked" || job.state === "waiting";
  const given = { type: "button", dataset: { of: job.id }, "aria-label": t("admin_retry_one", { kind: job.kind }) };
  const kind = { parked: ".wrong", done: ".calm" }[job.state] ?? "";
  return [
    h("code", { title: job.id }, job.kind),
    h(`span.badge${kind}`, {}, nameOf(job.state)),
    number(job.attempts),
    h("time", { datetime: job.due_at, title: moment(job.due_at), dir: "auto" }, ago(job.due_at)),
    job.last_error ? h("span.error", { dir: "auto" }, job.last_error) : null,
    canRetry ? h("button.quiet", { ...given, onclick: retry }, t("admin_retry")) : null,
  ];
}

/** A state that is newer than this page is called what the API calls it. */
const nameOf = (state) => (has(`admin_job_${state}`) ? t(`admin_job_${state}`) : state);
