// Tasks as a board: a column for each status. Cards are moved by mouse, by touch and by keys.

import { put, tick } from "./acts.js";
import { liftByKeys } from "./boardkeys.js";
import { liftByPointer } from "./drag.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { select } from "./forms.js";
import { number, t } from "./language.js";
import { fail } from "./notices.js";
import { projects } from "./projects.js";
import { quickAdd } from "./quickadd.js";
import { adjust, place } from "./router.js";
import { marks, tickButton } from "./row.js";
import { learn, STATUSES, taskEvents, taskOf } from "./tasks.js";
import { fieldsOf, nameOf } from "./views.js";

const PAGE = 50;

export const title = () => (place.get().params.get("project") ? `${t("board")}: ${nameOf(place.get().params)}` : t("board"));

/** Show the board of all tasks or of a project. */
export async function open(root, { params }) {
  const board = new Board(root, params);
  await board.load();
  return { refresh: () => board.refresh(), update: (now) => board.update(now), close: () => board.end(), quick: board.quick, enter: () => board.element.querySelector(".card .name")?.focus() };
}

class Board {
  constructor(root, params) {
    this.params = params;
    this.quick = quickAdd(() => fieldsOf(this.params));
    this.heading = h("h1.title", {}, title());
    this.columns = new Map(STATUSES.map((status) => [status, this.#column(status)]));
    this.element = h("div.board", {}, [...this.columns.values()].map(({ section }) => section));
    this.chooser = h("div.chooser");
    fill(root, [h("header.bar", {}, h("div.heading", {}, this.heading), this.chooser), this.quick.element, this.element]);
    this.#choose();
    this.stops = [
      taskEvents.on("task", (id) => this.#redraw(id)),
      taskEvents.on("gone", (id) => this.#gone(id)),
      projects.watch(() => this.#choose()),
    ];
    liftByPointer(this);
    liftByKeys(this);
    this.element.addEventListener("click", (event) => this.#clicked(event));
  }

  async load() {
    await Promise.all(
      STATUSES.map(async (status) => {
        const column = this.columns.get(status);
        column.feed?.end();
        const query = { status, sort: "position", project: this.params.get("project") };
        column.feed = new Feed("/tasks", query, learn, { page: PAGE });
        column.feed.events.on("changed", () => this.#draw(status));
        await column.feed.start().catch(fail);
      }),
    );
  }

  async update(params) {
    this.params = params;
    fill(this.heading, title());
    this.#choose();
    await this.load();
  }

  /** While a card is in the hand nothing moves below it. */
  async refresh() {
    if (this.lifted) return;
    await Promise.all([...this.columns.values()].map(({ feed }) => feed.refresh().catch(fail)));
  }

  end() {
    for (const { feed } of this.columns.values()) feed.end();
    for (const stop of this.stops) stop();
  }

  /** Where a card is: its column and its place there. */
  placeOf(id) {
    for (const [status, { feed }] of this.columns) {
      const at = feed.ids.indexOf(id);
      if (at >= 0) return { status, at };
    }
    return null;
  }

  /** Show a card at a place, without telling the server. */
  show(id, { status, at }) {
    const from = this.placeOf(id);
    const without = this.columns.get(from.status).feed.ids.filter((one) => one !== id);
    if (from.status !== status) this.columns.get(from.status).feed.show(without);
    const ids = from.status === status ? without : [...this.columns.get(status).feed.ids];
    ids.splice(at, 0, id);
    this.columns.get(status).feed.show(ids);
  }

  /** Tell the server that a card that was at `from` is where it is shown; the undo puts it back. */
  async settle(id, from, neighbours) {
    const now = this.placeOf(id);
    if (now.status === from.status && now.at === from.at) return;
    const { ids } = this.columns.get(now.status).feed;
    const position = now.at > 0 ? { after: ids[now.at - 1] } : ids.length > 1 ? { before: ids[1] } : null;
    const fields = { ...(now.status === from.status ? {} : { status: now.status }), ...(position ? { position } : {}) };
    const back = { ...(now.status === from.status ? {} : { status: from.status }), ...neighbours };
    await put(id, fields, back, t("moved_under", { title: taskOf(id).title, status: t(`status_${now.status}`) }));
  }

  /** Beside whom a card is: what a later undo has to say. */
  neighboursOf(id) {
    const { status, at } = this.placeOf(id);
    const { ids } = this.columns.get(status).feed;
    if (at > 0) return { position: { after: ids[at - 1] } };
    return ids.length > 1 ? { position: { before: ids[1] } } : {};
  }

  card(id) {
    return this.element.querySelector(`[data-id="${id}"]`);
  }

  #column(status) {
    const count = h("span.count");
    const cards = h("ul.cards", { dataset: { status }, "aria-labelledby": `column-${status}` });
    const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => this.columns.get(status).feed.more().catch(fail) }, t("show_more"));
    const heading = h("h2", { id: `column-${status}` }, h("span.status-dot", { class: status, "aria-hidden": "true" }), t(`status_${status}`), " ", count);
    return { section: h("section.column", { "aria-labelledby": `column-${status}` }, heading, cards, more), cards, count, more };
  }

  #draw(status) {
    const { feed, cards, count, more } = this.columns.get(status);
    const hadFocus = cards.contains(document.activeElement) && document.activeElement.closest("[data-id]");
    const at = hadFocus ? [...cards.children].indexOf(hadFocus) : -1;
    const ids = feed.ids.filter((id) => taskOf(id));
    fill(cards, ids.length ? ids.map((id) => this.#card(taskOf(id))) : h("li.hint", {}, t("empty_column")));
    fill(count, feed.total === null ? "" : number(Math.max(feed.total, feed.isComplete ? ids.length : feed.total)));
    more.hidden = feed.isComplete;
    // Where the card is gone, the one that took its place has the focus.
    if (!hadFocus) return;
    const near = this.card(hadFocus.dataset.id) ?? cards.children[Math.min(at, cards.children.length - 1)];
    (near.querySelector(".name") ?? this.element.querySelector(".card .name") ?? this.quick.element.querySelector("input")).focus({ preventScroll: true });
  }

  #card(task) {
    const isLifted = this.lifted === task.id;
    const classes = [task.status === "done" && "done", isLifted && "lifted", task.saving && "saving"].filter(Boolean).join(" ");
    return h("li.card", { class: classes, dataset: { id: task.id } }, [
      h("div.top", {}, tickButton(task), h("button.name", { type: "button", dataset: { action: "open" }, dir: "auto", "aria-describedby": "board-keys" }, task.title)),
      h("div.marks", {}, marks(task, !this.params.get("project"))),
    ]);
  }

  #redraw(id) {
    const task = taskOf(id);
    const card = this.card(id);
    if (!card || !task || this.lifted === id) return;
    const hadFocus = card.contains(document.activeElement);
    const fresh = this.#card(task);
    card.replaceWith(fresh);
    if (hadFocus) fresh.querySelector(".name").focus({ preventScroll: true });
  }

  #gone(id) {
    const found = this.placeOf(id);
    if (!found) return;
    const { feed } = this.columns.get(found.status);
    feed.show(feed.ids.filter((one) => one !== id));
  }

  #choose() {
    if (this.chooser.contains(document.activeElement)) return;
    const options = [["", t("all_tasks")], ["inbox", t("inbox")], ...projects.get().map(({ id, name }) => [id, name])];
    const control = select("project", options, this.params.get("project") ?? "", { "aria-label": t("field_project_id") });
    control.addEventListener("change", () => adjust({ project: control.value || null }));
    fill(this.chooser, control, h("p.unseen", { id: "board-keys" }, t("board_keys")));
  }

  #clicked(event) {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (!id || this.wasDragged) return;
    if (event.target.closest("[data-action=tick]")) tick(id);
    else adjust({ task: id });
  }
}
