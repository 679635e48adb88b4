// Tasks as a list: as long as they come, with the keyboard as good as the mouse.

import { tick } from "./acts.js";
import { bulkBar } from "./bulkbar.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { listBar } from "./listbar.js";
import { number, t } from "./language.js";
import { fail, reason, say } from "./notices.js";
import { allProjects } from "./projects.js";
import { quickAdd } from "./quickadd.js";
import { adjust, place } from "./router.js";
import { editTitle, moveActive } from "./listkeys.js";
import { taskRow } from "./row.js";
import { makeSelection } from "./selection.js";
import { learn, taskEvents, taskOf } from "./tasks.js";
import { fieldsOf, isFiltered, nameOf, queryOf } from "./views.js";
import { WindowedList } from "./window.js";

// Loading begins so many rows before the end is in sight.
const AHEAD = 60;

export const title = () => nameOf(place.get().params);

/** Show the list that the parameters say. */
export async function open(root, { params }) {
  const list = new List(root, params);
  await list.load();
  return {
    refresh: () => list.refresh(),
    update: (now) => list.update(now),
    close: () => list.end(),
    quick: list.quick,
    enter: () => list.focusRows(),
  };
}

class List {
  constructor(root, params) {
    this.params = params;
    this.active = null;
    this.selection = makeSelection(() => this.feed.ids);
    this.bar = listBar(params);
    this.quick = quickAdd(() => fieldsOf(this.params));
    this.heading = h("h1.title", {}, nameOf(params));
    this.count = h("span.count");
    this.state = h("div.state");
    this.scroller = h("div.scroller", { tabindex: "-1" });
    this.rows = new WindowedList(this.scroller, t("tasks"), (id) => this.#row(id));
    this.scroller.append(this.state);
    this.bulk = bulkBar(this.selection, { leave: () => this.focusRows() });
    this.selecting = h("button.quiet", { type: "button", "aria-pressed": "false", "aria-label": t("select_tasks"), onclick: () => this.#select() }, icon("select"));
    fill(root, [
      h("header.bar", {}, h("div.heading", {}, this.heading, this.count), this.bar.search, this.bar.open, this.selecting),
      this.bar.filters,
      this.quick.element,
      this.bulk.element,
      this.scroller,
    ]);
    this.#listen();
  }

  async load() {
    this.feed?.end();
    this.feed = new Feed("/tasks", queryOf(this.params), learn);
    this.feed.events.on("changed", () => this.#changed());
    this.feed.events.on("loading", () => this.#tell());
    try {
      await this.feed.start();
    } catch (problem) {
      this.#refused(problem);
    }
  }

  async update(params) {
    this.params = params;
    this.selection.clear();
    this.active = null;
    fill(this.heading, nameOf(params));
    this.bar.update(params);
    this.scroller.scrollTop = 0;
    await this.load();
    say(t("found", { n: this.feed.total ?? this.feed.ids.length }));
  }

  async refresh() {
    try {
      await this.feed.refresh();
    } catch (problem) {
      fail(problem);
    }
  }

  end() {
    this.feed.end();
    this.rows.end();
    this.stopTask();
  }

  #listen() {
    const renamed = () => {
      fill(this.heading, nameOf(this.params));
      this.rows.spoilAll();
    };
    const stops = [allProjects.watch(renamed), taskEvents.on("task", (id) => this.rows.spoil(id)), taskEvents.on("gone", (id) => this.#gone(id))];
    this.stopTask = () => stops.forEach((stop) => stop());
    let chosen = new Set();
    this.selection.events.on("changed", () => {
      const now = new Set(this.selection.ids());
      for (const id of [...chosen, ...now]) if (chosen.has(id) !== now.has(id)) this.rows.spoil(id);
      chosen = now;
      this.#showPicks(now.size > 0);
    });
    this.scroller.addEventListener("click", (event) => this.#clicked(event));
    this.scroller.addEventListener("keydown", (event) => moveActive(this, event));
    this.scroller.addEventListener("focusin", (event) => {
      const id = idAt(event.target);
      if (id && id !== this.active) this.activate(id, false);
    });
    this.scroller.addEventListener("scroll", () => this.#ahead(), { passive: true });
  }

  /** The boxes stay in sight, as fingers have no other way to them; again, and nothing is selected. */
  #select() {
    const isOn = this.selecting.getAttribute("aria-pressed") === "true";
    if (isOn) this.selection.clear();
    this.#showPicks(!isOn);
  }

  #showPicks(isOn) {
    this.selecting.setAttribute("aria-pressed", String(isOn));
    this.scroller.classList.toggle("selecting", isOn);
  }

  #row(id) {
    return taskRow(taskOf(id), {
      isSelected: this.selection.has(id),
      isActive: id === this.active,
      total: this.feed.total ?? this.feed.ids.length,
      showProject: !this.params.get("project"),
    });
  }

  /** Make a row the one that keys act on. */
  activate(id, focus = true) {
    const before = this.active;
    this.active = id;
    for (const one of [before, id]) {
      for (const control of this.rows.row(one)?.querySelectorAll("[data-action]") ?? []) control.tabIndex = one === id ? 0 : -1;
    }
    if (!focus) return;
    this.rows.reveal(this.feed.ids.indexOf(id));
    this.rows.row(id)?.querySelector("[data-action=open]")?.focus({ preventScroll: true });
  }

  /** The row that keys act on, or the first; where there is none, the list itself. */
  focusRows() {
    const id = this.active ?? this.feed.ids[0];
    if (id) this.activate(id);
    else this.scroller.focus();
  }

  #clicked(event) {
    const id = idAt(event.target);
    if (!id) return;
    const { action } = event.target.closest("[data-action]")?.dataset ?? {};
    if (event.shiftKey) this.selection.extend(id);
    else if (action === "pick" || event.ctrlKey || event.metaKey) this.selection.toggle(id);
    else if (action === "tick") tick(id);
    else if (action === "edit") editTitle(this, id);
    else if (action === "open" || !action) adjust({ task: id });
    if (event.shiftKey || action === "pick") this.rows.spoil(id);
  }

  #changed() {
    const { ids } = this.feed;
    this.selection.tidy();
    // Where the active row left the list, the one that took its place is it.
    const hadFocus = this.rows.row(this.active)?.contains(document.activeElement) ?? false;
    const at = Math.max(this.rows.ids.indexOf(this.active), 0);
    if (!ids.includes(this.active)) this.active = ids[Math.min(at, ids.length - 1)] ?? null;
    this.rows.show(ids.filter((id) => taskOf(id)));
    if (this.active) this.activate(this.active, hadFocus && !this.rows.row(this.active)?.contains(document.activeElement));
    else if (hadFocus) this.scroller.focus();
    this.#ahead();
    this.#tell();
  }

  #gone(id) {
    const { ids } = this.feed;
    const at = ids.indexOf(id);
    if (at < 0) return;
    this.feed.show(ids.filter((one) => one !== id));
  }

  #ahead() {
    const { scrollTop, clientHeight } = this.scroller;
    const left = this.feed.ids.length - (scrollTop + clientHeight) / this.rows.height;
    if (left < AHEAD) this.feed.more().catch((problem) => this.#refused(problem));
  }

  /** What stands at the end of the list, and how many there are. */
  #tell() {
    const { ids, total, isLoading, isComplete } = this.feed;
    fill(this.count, total === null ? "" : number(total));
    if (ids.length) fill(this.state, isComplete ? null : h("p.hint", {}, t("loading")));
    else if (isLoading) fill(this.state, h("div.spinner", { role: "img", "aria-label": t("loading") }));
    else fill(this.state, this.#empty());
  }

  #empty() {
    const filtered = isFiltered(this.params);
    const word = filtered ? "filtered" : this.params.get("due") === "today" ? "today" : this.params.get("project") === "inbox" ? "inbox" : "all";
    return h("div.empty", {}, h("h2", {}, t(`empty_${word}_title`)), h("p", {}, t(`empty_${word}`)));
  }

  #refused(problem) {
    if (problem.name === "AbortError") return;
    const again = h("button.quiet", { type: "button", onclick: () => this.load() }, t("try_again"));
    fill(this.state, h("div.empty", {}, h("p.problem", {}, reason(problem)), again));
  }
}

const idAt = (element) => element.closest("[data-id]")?.dataset.id ?? null;

