// The keys of the page, and the sheet that tells them.

import { ask, isAsking } from "./dialog.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { undoLast } from "./notices.js";
import { adjust, go, place } from "./router.js";

const NEXT_KEY_MS = 1200;
const PLACES = { i: ["list", { project: "inbox" }], t: ["list", { due: "today" }], a: ["list", {}], b: ["board", {}], d: ["trash", {}], s: ["stats", {}], e: ["settings", {}] };

const ENTERING = ["ArrowDown", "ArrowUp", "j", "k"];

const SHEET = [
  ["keys_page", [["n", "key_quick"], ["/", "key_search"], ["Ctrl K", "key_palette"], ["Ctrl Z", "key_undo"], ["?", "key_sheet"], ["Esc", "key_escape"]]],
  ["keys_go", [["g i", "inbox"], ["g t", "today"], ["g a", "all_tasks"], ["g b", "board"], ["g d", "trash"], ["g s", "stats"], ["g e", "settings"]]],
  ["keys_list", [["↑ ↓", "key_walk"], ["Enter", "key_open"], ["e", "key_edit"], ["d", "key_done"], ["p", "key_priority"], ["x", "key_select"], ["⇧ ↑ ↓", "key_range"], ["Ctrl a", "select_all"], ["Alt ↑ ↓", "key_move"], ["Del", "key_delete"]]],
  ["keys_board", [["← → ↑ ↓", "key_walk"], ["Space", "key_lift"], ["Esc", "key_put_back"], ["Enter", "key_open"], ["d", "key_done"], ["p", "key_priority"], ["Del", "key_delete"]]],
];

let prefix = null;

/**
 * Listen to the keys of the page; `quick()` puts the focus into the line for new tasks, `enter()` onto what the screen
 * is about.
 */
export function listen({ quick, enter }) {
  const acts = {
    n: quick,
    "/": () => document.querySelector(".search input")?.focus() ?? go("list"),
    "?": showSheet,
    Escape: leavePanel,
    ...Object.fromEntries(ENTERING.map((key) => [key, enter])),
  };
  addEventListener("keydown", (event) => {
    if (isAsking() || event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return act(event, async () => (await import("./palette.js")).openPalette());
    if (isTyping(event.target)) return event.key === "Escape" && escapeFrom(event.target, enter);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) return act(event, undoLast);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (prefix) return second(event);
    if (event.key === "g") return begin();
    // Arrows mean the page's own scrolling or walking wherever something has the focus.
    if (ENTERING.includes(event.key) && !event.target.matches("body, main")) return;
    if (acts[event.key]) act(event, acts[event.key]);
  });
}

/** All keys, to look them up. */
export function showSheet() {
  return ask(
    t("shortcuts"),
    (close) => [
      h("div.dialog-bar", {}, h("h2", {}, t("shortcuts")), h("button.bare", { type: "button", "aria-label": t("close"), onclick: () => close() }, icon("close"))),
      h("div.sheet", { tabindex: "0", role: "region", "aria-label": t("shortcuts") }, SHEET.map(([title, keys]) => h("section", {}, h("h3", {}, t(title)), h("dl", {}, keys.map(([key, word]) => h("div", {}, h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, t(word)))))))),
    ],
    { kind: "wide" },
  );
}

function act(event, what) {
  event.preventDefault();
  what();
}

function begin() {
  prefix = setTimeout(() => (prefix = null), NEXT_KEY_MS);
}

function second(event) {
  clearTimeout(prefix);
  prefix = null;
  if (PLACES[event.key]) act(event, () => go(...PLACES[event.key]));
}

function leavePanel() {
  if (place.get().params.get("task")) adjust({ task: null });
}

/** Out of a field, to where the next key means something. */
function escapeFrom(field, enter) {
  if (field.closest(".quick, .search")) enter();
  else (field.closest(".panel")?.querySelector(".panel-bar .bare") ?? document.getElementById("main")).focus();
}

const isTyping = (element) => element.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
