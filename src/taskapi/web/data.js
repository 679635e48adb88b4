// Files of tasks: exports that are made in the background, and imports that are looked at before they are done.

import { call } from "./api.js";
import { fill, freshId, h } from "./dom.js";
import { form, field, select } from "./forms.js";
import { ago, number, t } from "./language.js";
import { firstLoad, refill } from "./loading.js";
import { fail, say, tell } from "./notices.js";

// How often it is asked how far something is.
const ASK_MS = 1000;
const EXPORTS = ["json", "csv", "ics"];
const IMPORTS = ["json", "csv", "todoist", "ics"];
// What the ending of a file's name tells of its format.
const ENDINGS = { json: "json", csv: "csv", ics: "ics", ical: "ics" };

export function dataSection(signal) {
  const out = exportsPart(signal);
  const into = importsPart(signal);
  return { content: [out.element, into.element], refresh: out.load };
}

function exportsPart(signal) {
  const list = h("ul.plain");
  let timer = null;
  const read = async () => {
    const { data } = await call("GET", "/exports", { signal });
    const lines = data.items.length ? data.items.map((one) => exportLine(one, load)) : h("li.nothing", {}, t("exports_none"));
    refill(list, lines, () => list.closest("section").querySelector("h2"));
    clearTimeout(timer);
    if (data.items.some(isOpen) && !signal.aborted) timer = setTimeout(load, ASK_MS);
  };
  const load = () => read().catch((problem) => problem.name !== "AbortError" && fail(problem));
  signal.addEventListener("abort", () => clearTimeout(timer));
  const state = h("div.state");
  firstLoad(state, read);
  const wanted = select("format", EXPORTS.map((one) => [one, t(`format_${one}`)]), "json");
  const ask = form(field(t("export_format"), wanted, t("export_hint")), t("export_make"), async () => {
    await call("POST", "/exports", { body: { format: wanted.value } });
    say(t("export_asked"));
    await read();
  });
  return { element: h("div", {}, h("h3.near", {}, t("exports_title")), ask, state, list), load };
}

const isOpen = ({ status }) => status === "waiting" || status === "running";

function exportLine(one, load) {
  const name = t("export_of", { format: t(`format_${one.format}`), when: ago(one.created_at) });
  const acts = [];
  if (one.url) acts.push(h("a.button.quiet", { href: one.url.slice(1), download: "", dataset: { of: `get-${one.id}` }, "aria-label": `${t("export_get")}: ${name}` }, t("export_get")));
  if (!isOpen(one)) acts.push(h("button.quiet.danger", { type: "button", dataset: { of: one.id }, "aria-label": `${t("delete")}: ${name}`, onclick: () => call("DELETE", `/exports/${one.id}`).then(load, fail) }, t("delete")));
  return h("li.line", {}, [
    h("div.what", {}, h("span.name", {}, name), isOpen(one) ? bar(one.progress, t("export_making")) : h("span.hint", {}, exportWord(one))),
    h("div.acts.inline", {}, acts),
  ]);
}

function exportWord({ status, progress, size }) {
  if (status === "expired") return t("export_expired");
  if (status === "failed") return t("export_failed");
  return `${t("export_done", { n: progress.done })} · ${bytes(size)}`;
}

function bytes(size) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log(Math.max(size, 1)) / Math.log(1000)));
  return new Intl.NumberFormat(document.documentElement.lang.slice(0, 2) || "en", { style: "unit", unit: units[step], maximumFractionDigits: 1 }).format(size / 1000 ** step);
}

/** How far something is: without a total only that it goes on. */
function bar({ done, total }, label) {
  const known = total ? { max: total, value: done } : {};
  const id = freshId("bar");
  const word = total ? t("progress_of", { done: number(done), total: number(total) }) : t("progress_waiting");
  return h("div.progress-line", {}, h("progress", { ...known, "aria-label": label, "aria-describedby": id }), h("span.hint", { id }, word));
}

function importsPart(signal) {
  const report = h("div.report", { tabindex: "-1" });
  const file = h("input", { type: "file", name: "file", required: true, accept: ".json,.csv,.ics,.ical,application/json,text/csv,text/calendar" });
  const wanted = select("format", IMPORTS.map((one) => [one, t(`format_${one}`)]), "json");
  file.addEventListener("change", () => {
    const guess = ENDINGS[file.files[0]?.name.split(".").at(-1).toLowerCase()];
    if (guess && !(guess === "csv" && wanted.value === "todoist")) wanted.value = guess;
    fill(report);
  });
  wanted.addEventListener("change", () => fill(report));
  const run = async (query) => {
    const { data } = await call("POST", "/imports", { query: { format: wanted.value, ...query }, body: file.files[0] });
    return ended(data, signal, (now) => fill(report, bar(now.progress, t("import_working"))));
  };
  const look = form([field(t("import_file"), file, t("import_hint")), field(t("export_format"), wanted)], t("import_look"), async () => {
    const found = await run({ dry_run: true });
    fill(report, reportOf(found, () => take(found)));
    report.focus();
  });
  const take = async () => {
    try {
      const done = await run({});
      fill(report, reportOf(done, null));
      if (done.status === "done") tell(t("import_done", { n: done.progress.done }));
      look.reset();
    } catch (problem) {
      fail(problem);
    }
  };
  return { element: h("div", {}, h("h3.apart", {}, t("imports_title")), look, report) };
}

/** The import as it ended; `told(now)` is called while it lasts. */
async function ended(made, signal, told) {
  for (let now = made; ; ) {
    if (now.finished_at) return now;
    told(now);
    await new Promise((resolve) => setTimeout(resolve, ASK_MS / 2));
    ({ data: now } = await call("GET", `/imports/${made.id}`, { signal }));
  }
}

/** What was found in a file, or done with it; `take` is what is still to be done. */
function reportOf({ status, error, dry_run: isDry, progress, failed, projects, faults }, take) {
  if (status === "failed") return h("p.problem", { role: "alert" }, t("import_unreadable", { why: error }));
  const good = isDry ? t("import_found", { n: progress.total }) : t("import_done", { n: progress.done });
  const parts = [h("p", { role: "status" }, [good, projects ? ` ${t("import_projects", { n: projects })}` : null])];
  if (failed) {
    const lines = faults.map((one) => h("li", {}, t("import_fault", { number: one.number, title: one.title || "…", detail: one.detail })));
    parts.push(h("details", {}, h("summary", {}, t("import_failed", { n: failed })), h("ul.faults", {}, lines)));
  }
  if (take && progress.total) parts.push(h("div.acts", {}, h("button.main", { type: "button", onclick: take }, t("import_take", { n: progress.total }))));
  return parts;
}
