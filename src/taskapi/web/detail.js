// One task beside the list: every field, saved as it is left, and what was done to it.

import { alter, discard } from "./acts.js";
import { describe } from "./description.js";
import { dueOf, instantOf, inZone, today } from "./dates.js";
import { fill, h } from "./dom.js";
import { field, input, select } from "./forms.js";
import { historyList } from "./history.js";
import { icon } from "./icons.js";
import { labelField } from "./labelfield.js";
import { moment, t } from "./language.js";
import { reason } from "./notices.js";
import { allProjects, projects } from "./projects.js";
import { adjust } from "./router.js";
import { PRIORITIES, read, STATUSES, taskEvents, taskOf } from "./tasks.js";

/** Show a task in the panel. */
export async function openDetail(panel, id) {
  const detail = new Detail(panel, id);
  await detail.load();
  return { refresh: () => detail.load(), close: () => detail.end() };
}

class Detail {
  constructor(panel, id) {
    Object.assign(this, { panel, id, stop: new AbortController(), drawn: null });
    this.stopTask = taskEvents.on("task", (changed) => changed === id && this.#draw());
    fill(panel, h("div.spinner", { role: "img", "aria-label": t("loading") }));
  }

  async load() {
    try {
      await read(this.id, this.stop.signal);
      if (!this.drawn) this.#draw();
    } catch (problem) {
      this.#failed(problem);
      return;
    }
    // The panel can be used before it is known what was done to the task.
    this.history?.refresh().catch((problem) => this.#failed(problem));
  }

  #failed(problem) {
    if (problem.name !== "AbortError") this.#refused(problem);
  }

  end() {
    this.stop.abort();
    this.stopTask();
    this.history?.end();
  }

  /** The whole panel once; after that, each field by itself, unless somebody is in it. */
  #draw() {
    const task = taskOf(this.id);
    if (!task || task.description === undefined) {
      if (task) read(this.id, this.stop.signal).catch(() => {});
      return;
    }
    if (!this.drawn) this.#build(task);
    for (const [name, show] of Object.entries(this.drawn)) {
      if (!this.fields[name]?.contains(document.activeElement)) show(task);
    }
    fill(this.dates, this.#dates(task));
    this.panel.classList.toggle("saving", Boolean(task.saving));
  }

  #build(task) {
    this.drawn = {};
    this.fields = {};
    this.dates = h("p.hint.dates");
    this.history = historyList(this.id, this.stop.signal);
    fill(this.panel, [
      h("header.panel-bar", {}, [
        h("h2.unseen", {}, t("task")),
        h("span.saving-mark", { role: "status" }, t("saving")),
        h("button.quiet.danger", { type: "button", onclick: () => this.#discard() }, icon("trash"), h("span", {}, t("delete"))),
        h("button.bare", { type: "button", "aria-label": t("close"), onclick: close }, icon("close")),
      ]),
      this.#title(),
      h("div.grid", {}, [
        this.#choice("status", STATUSES.map((one) => [one, t(`status_${one}`)])),
        this.#choice("priority", PRIORITIES.map((one) => [one, t(`priority_${one}`)])),
        this.#project(task),
        this.#due(),
        this.#remind(),
      ]),
      this.#labels(),
      this.#description(),
      this.history.element,
      this.dates,
    ]);
  }

  #title() {
    const line = h("textarea.title-line", { rows: "1", maxlength: 200, "aria-label": t("field_title"), dir: "auto", name: "title" });
    const save = () => {
      const written = line.value.replace(/\s+/g, " ").trim();
      if (written && written !== taskOf(this.id)?.title) alter(this.id, { title: written });
      else line.value = taskOf(this.id)?.title ?? written;
    };
    line.addEventListener("blur", save);
    line.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        save();
      }
    });
    return this.#kept("title", line, (task) => (line.value = task.title));
  }

  #choice(name, options) {
    const control = select(name, options, options[0][0]);
    control.addEventListener("change", () => alter(this.id, { [name]: control.value }));
    return this.#kept(name, field(t(`field_${name}`), control), (task) => (control.value = task[name]));
  }

  #project(task) {
    const control = select("project_id", [], "");
    control.addEventListener("change", () => alter(this.id, { project_id: control.value || null }));
    const show = (now) => {
      const held = allProjects.get().filter((one) => one.id === now.project_id);
      const all = [...new Set([...projects.get(), ...held])];
      fill(control, h("option", { value: "" }, t("inbox")), all.map(({ id, name }) => h("option", { value: id }, name)));
      control.value = now.project_id ?? "";
    };
    show(task);
    return this.#kept("project_id", field(t("field_project_id"), control), show);
  }

  #due() {
    const date = input("due_date", { type: "date", max: "9999-12-31" });
    const time = input("due_time", { type: "time", "aria-label": t("field_due_time") });
    const save = () => {
      if (!date.validity.valid || !time.validity.valid) return;
      const fields = fieldsOfDue(date.value, time.value);
      const now = taskOf(this.id);
      if (fields.due_on !== now.due_on || Date.parse(fields.due_at) !== Date.parse(now.due_at)) alter(this.id, fields);
    };
    date.addEventListener("change", save);
    time.addEventListener("change", save);
    const clear = h("button.bare", { type: "button", "aria-label": t("no_due"), onclick: () => this.#empty({ due_on: null, due_at: null }, [date, time]) }, icon("close"));
    const made = field(t("field_due"), date);
    date.after(time, clear);
    made.classList.add("due-field");
    return this.#kept("due", made, (task) => {
      const due = dueOf(task);
      date.value = due?.date ?? "";
      time.value = due?.time ?? "";
      clear.hidden = !due;
    });
  }

  #remind() {
    const when = input("remind_at", { type: "datetime-local", max: "9999-12-31T23:59" });
    const save = () => {
      if (!when.validity.valid) return;
      const remind_at = when.value ? instantOf(...when.value.split("T")) : null;
      if (remind_at !== atMinute(taskOf(this.id).remind_at)) alter(this.id, { remind_at });
    };
    // Not at each part that is typed: the year 0002 is on the way to 2027.
    when.addEventListener("blur", save);
    when.addEventListener("keydown", (event) => event.key === "Enter" && save());
    const clear = h("button.bare", { type: "button", "aria-label": t("no_reminder"), onclick: () => this.#empty({ remind_at: null }, [when]) }, icon("close"));
    const made = field(t("field_remind_at"), when, t("remind_hint"));
    when.after(clear);
    made.classList.add("due-field");
    return this.#kept("remind_at", made, (task) => {
      when.value = task.remind_at ? inZone(task.remind_at).join("T") : "";
      clear.hidden = !task.remind_at;
    });
  }

  /** Take off what a field says; the focus goes to it, as the button that was pressed is gone. */
  #empty(fields, controls) {
    for (const control of controls) control.value = "";
    controls[0].focus();
    alter(this.id, fields);
  }

  #labels() {
    const made = labelField((labels) => alter(this.id, { labels }));
    return this.#kept("labels", made.element, (task) => made.show(task.labels));
  }

  #description() {
    const made = describe(this.id, (description) => alter(this.id, { description }));
    return this.#kept("description", made.element, (task) => made.show(task.description));
  }

  #kept(name, element, show) {
    this.fields[name] = element;
    this.drawn[name] = show;
    return element;
  }

  #dates(task) {
    const parts = [t("created_when", { when: moment(task.created_at) })];
    if (task.completed_at) parts.push(t("completed_when", { when: moment(task.completed_at) }));
    return parts.join(" · ");
  }

  async #discard() {
    await discard(this.id);
    close();
  }

  #refused(problem) {
    const word = problem.status === 404 ? t("task_gone") : reason(problem);
    fill(this.panel, h("header.panel-bar", {}, h("button.bare", { type: "button", "aria-label": t("close"), onclick: close }, icon("close"))), h("p.empty", {}, word));
  }
}

/** A date alone is a day, with a time it is an instant; a time alone is of today. */
function fieldsOfDue(date, time) {
  if (time) return { due_on: null, due_at: instantOf(date || today(), time) };
  return { due_on: date || null, due_at: null };
}

/** An instant as the field can hold it: without seconds, so that what nobody touched is no change. */
const atMinute = (instant) => instant && instantOf(...inZone(instant));

function close() {
  adjust({ task: null });
}
