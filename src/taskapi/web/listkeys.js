// The keys of a list: move, open, select, edit, tick, place and delete without a mouse.

import { alter, discard, nextPriority, put, tick } from "./acts.js";
import { h } from "./dom.js";
import { t } from "./language.js";
import { say } from "./notices.js";
import { adjust } from "./router.js";
import { taskOf } from "./tasks.js";

const PAGE = 10;
const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE, PageUp: -PAGE, Home: -Infinity, End: Infinity };
const ACTS = {
  Enter: (list, id, event) => event.target.dataset.action === "open" && adjust({ task: id }),
  x: (list, id) => list.selection.toggle(id),
  e: (list, id) => editTitle(list, id),
  F2: (list, id) => editTitle(list, id),
  d: (list, id) => onChosen(list, () => tick(id), ({ alterMany }, ids, told) => alterMany(ids, () => ({ status: "done" }), told)),
  p: (list, id) => nextPriority(id),
  Delete: (list, id) => onChosen(list, () => discard(id), ({ discardMany }, ids, told) => discardMany(ids, told)),
};

/** Handle a key that was pressed within the rows of a list. */
export function moveActive(list, event) {
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  if (event.ctrlKey || event.metaKey) return selectAll(list, event);
  const id = list.active;
  const step = STEPS[event.key];
  if (step !== undefined) {
    event.preventDefault();
    if (event.altKey) move(list, id, step);
    else go(list, id, step, event.shiftKey);
  } else if (event.key === "Escape" && list.selection.size()) {
    event.stopPropagation();
    list.selection.clear();
  } else if (ACTS[event.key] && id && !event.altKey) {
    if (event.key !== "Enter") event.preventDefault();
    ACTS[event.key](list, id, event);
  }
}

function selectAll(list, event) {
  if (event.key.toLowerCase() !== "a" || event.altKey || event.shiftKey) return;
  event.preventDefault();
  list.selection.all();
}

function go(list, id, step, isSelecting) {
  const { ids } = list.feed;
  const at = Math.min(Math.max(ids.indexOf(id) + step, 0), ids.length - 1);
  if (at < 0) return;
  if (isSelecting) {
    if (!list.selection.size()) list.selection.toggle(id);
    list.selection.extend(ids[at]);
  }
  list.activate(ids[at]);
}

/** One place up or down, where the list is in the person's own order. */
async function move(list, id, step) {
  const { ids } = list.feed;
  const at = ids.indexOf(id);
  const to = at + Math.sign(step);
  if (list.feed.query.sort !== "position") return say(t("move_needs_order"), { now: true });
  if (!ids[to]) return say(t("move_end"));
  const order = [...ids];
  order.splice(at, 1);
  order.splice(to, 0, id);
  const placed = (around) => (around > 0 ? { after: order[around - 1] } : { before: order[around + 1] });
  const back = at > 0 ? { after: ids[at - 1] } : { before: ids[at + 1] };
  list.feed.show(order);
  list.activate(id);
  say(t("moved_to", { title: taskOf(id).title, n: to + 1, of: ids.length }));
  await put(id, { position: placed(to) }, { position: back }, t("moved", { title: taskOf(id).title }));
}

async function onChosen(list, one, many) {
  const ids = list.selection.ids();
  if (!ids.length) return one();
  list.selection.clear();
  await many(await import("./bulk.js"), ids, list.bulk.told);
}

/** Write the title anew where it stands. Enter and leaving keep it, Escape does not. */
export function editTitle(list, id) {
  const row = list.rows.row(id);
  const name = row?.querySelector("[data-action=open]");
  if (!name) return;
  const { title } = taskOf(id);
  const line = h("input.name", { type: "text", maxlength: 200, value: title, "aria-label": t("field_title"), dir: "auto" });
  list.rows.kept = id;
  name.replaceWith(line);
  line.focus();
  line.select();
  let isOver = false;
  const end = (isKept) => {
    if (isOver) return;
    isOver = true;
    const written = line.value.trim();
    list.rows.kept = null;
    const hadFocus = document.activeElement === line;
    list.rows.spoil(id);
    list.rows.draw();
    if (hadFocus) list.activate(id);
    if (isKept && written && written !== title) alter(id, { title: written });
  };
  line.addEventListener("blur", () => end(true));
  line.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape") return;
    // Else the same key would press the button that gets the focus.
    event.preventDefault();
    end(event.key === "Enter");
  });
}
