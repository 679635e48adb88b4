// The line in which tasks are written, with a preview of what was understood of it.

import { add } from "./acts.js";
import { draftOf, keepDraft } from "./drafts.js";
import { fill, freshId, h } from "./dom.js";
import { icon } from "./icons.js";
import { clock, day, t } from "./language.js";
import { inZone, today } from "./dates.js";
import { reason } from "./notices.js";
import { projects } from "./projects.js";
import { understand } from "./quick.js";

const DRAFT = "line";

/** The form; `fieldsOf()` says what a task made here has besides what is written. */
export function quickAdd(fieldsOf) {
  const id = freshId("quick");
  const line = h("input", { id, name: "line", type: "text", maxlength: 400, autocomplete: "off", enterkeyhint: "done", dir: "auto", placeholder: t("quick_placeholder"), "aria-describedby": `${id}-preview` });
  line.value = draftOf(DRAFT) ?? "";
  const preview = h("p.preview", { id: `${id}-preview` });
  const problem = h("p.problem", { role: "alert", hidden: true });
  const button = h("button.main", { type: "submit" }, t("add"));
  const made = h("form.quick", { novalidate: true }, [
    h("label.unseen", { for: id }, t("quick_label")),
    h("div.line", {}, icon("add"), line, button),
    preview,
    problem,
  ]);
  const draw = () => {
    keepDraft(DRAFT, line.value);
    problem.hidden = true;
    made.classList.toggle("writing", line.value.trim() !== "");
    fill(preview, chips(understand(line.value, projects.get())));
  };
  line.addEventListener("input", draw);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submit({ line, button, problem, draw }, fieldsOf);
  });
  draw();
  return { element: made, focus: () => line.focus() };
}

async function submit({ line, button, problem, draw }, fieldsOf) {
  const { title, fields } = understand(line.value, projects.get());
  if (!title || button.getAttribute("aria-disabled") === "true") return line.focus();
  button.setAttribute("aria-disabled", "true");
  const written = line.value;
  try {
    await add(together(fieldsOf(), fields));
    // What was typed on while the server answered is the next task.
    line.value = line.value === written ? "" : line.value;
    draw();
  } catch (refusal) {
    fill(problem, reason(refusal));
    problem.hidden = false;
  } finally {
    button.removeAttribute("aria-disabled");
    line.focus();
  }
}

/** What the place gives a task, and over that what was written. */
function together(given, written) {
  const labels = [...new Set([...(given.labels ?? []), ...(written.labels ?? [])])];
  const isDueWritten = written.due_at || written.due_on;
  const { due_on: dueOn, ...others } = given;
  return { ...others, ...(isDueWritten || !dueOn ? {} : { due_on: dueOn }), ...written, ...(labels.length ? { labels } : {}) };
}

function chips({ title, understood }) {
  if (!understood.length) return [h("span.hint", {}, t("quick_hint"))];
  return [h("span.chip.title", { dir: "auto" }, title || t("quick_no_title")), understood.map(chip)];
}

function chip({ kind, value }) {
  if (kind === "priority") return h(`span.chip.priority.${value}`, {}, icon("flag"), t(`priority_${value}`));
  if (kind === "label") return h("span.chip", { dir: "auto" }, icon("label"), value);
  if (kind === "project") return h("span.chip", { dir: "auto" }, icon("project"), value);
  const date = value.due_on ?? inZone(value.due_at)[0];
  const when = day(date, today());
  return h("span.chip", {}, icon("calendar"), value.due_at ? `${when}, ${clock(value.due_at)}` : when);
}
