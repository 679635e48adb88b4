// A card is moved by keys as it is by the mouse: Space lifts it, arrows carry it, Space drops it, Escape puts it back.

import { discard, nextPriority, tick } from "./acts.js";
import { t } from "./language.js";
import { say } from "./notices.js";
import { STATUSES, taskOf } from "./tasks.js";

const ACTS = { d: tick, p: nextPriority, Delete: discard };
const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

/** Have the keys of a board carry its cards; every step is said. */
export function liftByKeys(board) {
  // The card that the keys carry; one that the mouse drags is none of theirs.
  let carried = null;
  let from = null;
  let neighbours = null;

  const lift = (id) => {
    from = board.placeOf(id);
    neighbours = board.neighboursOf(id);
    carried = board.lifted = id;
    board.card(id).classList.add("lifted");
    say(t("lifted", { title: taskOf(id).title, ...whereOf(board, id) }), { now: true });
  };
  const drop = async (id) => {
    carried = board.lifted = null;
    board.card(id).classList.remove("lifted");
    say(t("dropped", { title: taskOf(id).title, ...whereOf(board, id) }), { now: true });
    await board.settle(id, from, neighbours);
    focus(board, id);
  };
  const putBack = (id) => {
    carried = board.lifted = null;
    board.show(id, from);
    focus(board, id);
    say(t("put_back", { title: taskOf(id).title }), { now: true });
  };

  board.element.addEventListener("keydown", (event) => {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (!id || !event.target.matches(".name") || (board.lifted && !carried)) return;
    if (event.key === " " || (event.key === "Enter" && carried)) act(event, () => (carried === id ? drop(id) : lift(id)));
    else if (event.key === "Escape" && carried) act(event, () => putBack(id));
    else if (ACTS[event.key] && !carried && !event.ctrlKey && !event.metaKey && !event.altKey) act(event, () => ACTS[event.key](id));
    else if (ARROWS.includes(event.key)) act(event, () => (carried ? carry(board, id, event.key) : walk(board, id, event.key)));
  });
  // A card that is left while it is in the hand stays where it was.
  board.element.addEventListener("focusout", () => {
    setTimeout(() => {
      if (carried && !board.card(carried)?.contains(document.activeElement)) putBack(carried);
    }, 100);
  });
}

function act(event, step) {
  event.preventDefault();
  event.stopPropagation();
  step();
}

function carry(board, id, key) {
  const to = next(board, id, key);
  if (!to) return say(t("move_end"));
  board.show(id, to);
  focus(board, id);
  say(t("carried", whereOf(board, id)), { now: true });
}

/** The place one step further; within a column up and down, between columns at the same height. */
function next(board, id, key) {
  const { status, at } = board.placeOf(id);
  if (key === "ArrowUp" || key === "ArrowDown") {
    const to = at + (key === "ArrowUp" ? -1 : 1);
    return to >= 0 && to < board.columns.get(status).feed.ids.length ? { status, at: to } : null;
  }
  const beside = STATUSES[STATUSES.indexOf(status) + sideways(key)];
  return beside ? { status: beside, at: Math.min(at, board.columns.get(beside).feed.ids.length) } : null;
}

/** Without a card in the hand the arrows go from card to card. */
function walk(board, id, key) {
  const { status, at } = board.placeOf(id);
  const column = key === "ArrowUp" || key === "ArrowDown" ? status : STATUSES[STATUSES.indexOf(status) + sideways(key)];
  if (!column) return;
  const { ids } = board.columns.get(column).feed;
  const to = column === status ? at + (key === "ArrowUp" ? -1 : 1) : Math.min(at, ids.length - 1);
  if (ids[to]) focus(board, ids[to]);
}

const sideways = (key) => ((key === "ArrowRight") === (document.documentElement.dir !== "rtl") ? 1 : -1);

function focus(board, id) {
  board.card(id)?.querySelector(".name").focus();
}

function whereOf(board, id) {
  const { status, at } = board.placeOf(id);
  return { status: t(`status_${status}`), n: at + 1, of: board.columns.get(status).feed.ids.length };
}
