// What was deleted: kept for thirty days, to be brought back or to be deleted for good.

import { bringBack, destroy } from "./acts.js";
import { bulkBar, progressText } from "./bulkbar.js";
import { eraseMany } from "./bulk.js";
import { confirm } from "./dialog.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { ago, number, t } from "./language.js";
import { refill } from "./loading.js";
import { fail } from "./notices.js";
import { makeSelection } from "./selection.js";
import { learn, taskEvents, taskOf } from "./tasks.js";

const PAGE = 100;

export const title = () => t("trash");

export async function open(root) {
  const feed = new Feed("/tasks", { trashed: true, sort: "-updated_at" }, learn, { page: PAGE });
  const selection = makeSelection(() => feed.ids);
  const count = h("span.count");
  const list = h("ul.plain", { "aria-label": t("trash") });
  const more = h("button.quiet.more", { type: "button", hidden: true, onclick: () => feed.more().catch(fail) }, t("show_more"));
  const emptying = h("button.quiet.danger", { type: "button", hidden: true, onclick: () => emptyAll(feed, emptying) }, t("empty_trash_act"));
  fill(root, [
    h("header.bar", {}, h("div.heading", {}, h("h1.title", {}, t("trash")), count), emptying),
    h("p.hint.lead", {}, t("trash_lead")),
    bulkBar(selection, { isTrash: true, leave: () => (list.querySelector(".pick") ?? root).focus() }).element,
    h("div.scroller", { tabindex: "-1" }, list, more),
  ]);
  const draw = () => {
    const ids = trashed(feed);
    const at = [...list.children].indexOf(document.activeElement.closest("li"));
    fill(count, feed.total === null ? "" : number(feed.total));
    const lines = ids.map((id) => line(taskOf(id), selection));
    // Of the next line the box, which does no harm to whoever presses Enter twice.
    refill(list, lines.length ? lines : empty(), () => lines[Math.min(at, lines.length - 1)]?.querySelector(".pick") ?? root);
    more.hidden = feed.isComplete;
    if (!ids.length && document.activeElement === emptying) root.focus();
    emptying.hidden = !ids.length;
  };
  feed.events.on("changed", () => {
    selection.tidy();
    draw();
  });
  selection.events.on("changed", draw);
  const stops = [taskEvents.on("gone", (id) => feed.show(feed.ids.filter((one) => one !== id))), taskEvents.on("moved", draw)];
  await feed.start().catch(fail);
  return {
    refresh: () => feed.refresh().catch(fail),
    close() {
      feed.end();
      for (const stop of stops) stop();
    },
  };
}

/** Those that are in the trash still: what was just brought back is not, whatever the list said last. */
const trashed = (feed) => feed.ids.filter((id) => taskOf(id)?.trashed_at);

function line(task, selection) {
  const pick = h("input.pick", { type: "checkbox", checked: selection.has(task.id), dataset: { of: `pick:${task.id}` }, "aria-label": t("select_task", { title: task.title }), onchange: () => selection.toggle(task.id) });
  return h("li.line", {}, [
    pick,
    h("div.what", {}, h("span.name", { dir: "auto" }, task.title), h("span.hint", {}, t("trashed_when", { when: ago(task.trashed_at) }))),
    h("button.quiet", { type: "button", dataset: { of: `restore:${task.id}` }, onclick: () => bringBack(task.id), "aria-label": t("restore_task", { title: task.title }) }, icon("restore"), h("span", {}, t("restore"))),
    h("button.quiet.danger", { type: "button", dataset: { of: `erase:${task.id}` }, onclick: () => erase(task), "aria-label": t("erase_task", { title: task.title }) }, icon("close"), h("span", {}, t("erase"))),
  ]);
}

async function erase(task) {
  if (await confirm(t("erase_title"), t("erase_text", { title: task.title }), t("erase"))) await destroy(task.id);
}

async function emptyAll(feed, button) {
  if (!(await confirm(t("erase_title"), t("empty_trash_sure", { n: feed.total ?? feed.ids.length }), t("empty_trash_act")))) return;
  button.setAttribute("aria-disabled", "true");
  try {
    while (!feed.isComplete) await feed.more();
    await eraseMany(trashed(feed), (at, of) => fill(button, progressText(at, of)));
  } catch (problem) {
    fail(problem);
  }
  fill(button, t("empty_trash_act"));
  button.removeAttribute("aria-disabled");
  await feed.refresh().catch(fail);
}

const empty = () => h("li.empty", {}, h("h2", {}, t("empty_trash_title")), h("p", {}, t("empty_trash")));
