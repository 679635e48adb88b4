// Everything one can go to or do, found by typing a part of its name; tasks too.

import { call } from "./api.js";
import { ask } from "./dialog.js";
import { fill, freshId, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { fail } from "./notices.js";
import { projects } from "./projects.js";
import { go } from "./router.js";
import { me, signOut } from "./session.js";
import { isDark, setTheme } from "./theme.js";

const TYPING_MS = 200;
const MOST_TASKS = 8;
const MOST_SHOWN = 30;

/** Open the palette and do what is chosen. */
export async function openPalette() {
  const act = await ask(t("palette"), content, { kind: "palette" });
  if (act) await act();
}

function content(close) {
  const id = freshId("palette");
  const line = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": id, "aria-autocomplete": "list", "aria-label": t("palette"), placeholder: t("palette_placeholder"), autocomplete: "off", autofocus: true, dir: "auto" });
  const list = h("ul.options", { id, role: "listbox", "aria-label": t("palette") });
  const state = { found: [], tasks: [], at: 0 };
  const draw = () => {
    const wanted = folded(line.value);
    state.found = [...commands().filter(({ text }) => folded(text).includes(wanted)), ...state.tasks].slice(0, MOST_SHOWN);
    state.at = Math.min(state.at, Math.max(state.found.length - 1, 0));
    fill(list, state.found.map((one, at) => option(one, at, at === state.at, id, close)), !state.found.length && h("li.hint", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, t("nothing_found")));
    if (state.found.length) line.setAttribute("aria-activedescendant", `${id}-${state.at}`);
    list.children[state.at]?.scrollIntoView({ block: "nearest" });
  };
  let timer = null;
  line.addEventListener("input", () => {
    state.at = 0;
    clearTimeout(timer);
    timer = setTimeout(() => findTasks(line.value, state, draw), TYPING_MS);
    draw();
  });
  line.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      state.at = (state.at + step + state.found.length) % (state.found.length || 1);
      draw();
    } else if (event.key === "Enter" && state.found[state.at]) {
      event.preventDefault();
      close(state.found[state.at].act);
    }
  });
  draw();
  return [h("div.search", {}, icon("search"), line), list];
}

function option({ text, symbol, act }, at, isChosen, id, close) {
  const item = h("li", { id: `${id}-${at}`, role: "option", "aria-selected": String(isChosen) }, icon(symbol), h("span", { dir: "auto" }, text));
  item.addEventListener("click", () => close(act));
  return item;
}

function commands() {
  const to = (text, symbol, ...where) => ({ text, symbol, act: () => go(...where) });
  return [
    { text: t("key_quick"), symbol: "add", act: () => document.querySelector(".quick input")?.focus() ?? go("list") },
    to(t("inbox"), "inbox", "list", { project: "inbox" }),
    to(t("today"), "today", "list", { due: "today" }),
    to(t("all_tasks"), "all", "list"),
    to(t("board"), "board", "board"),
    ...projects.get().map(({ id, name }) => to(name, "project", "list", { project: id })),
    to(t("trash"), "trash", "trash"),
    to(t("stats"), "stats", "stats"),
    to(t("settings"), "settings", "settings"),
    ...(me.get().role === "admin" ? [to(t("admin"), "admin", "admin")] : []),
    { text: t(isDark() ? "theme_light" : "theme_dark"), symbol: isDark() ? "sun" : "moon", act: () => setTheme(isDark() ? "light" : "dark") },
    { text: t("shortcuts"), symbol: "key", act: async () => (await import("./shortcuts.js")).showSheet() },
    { text: t("sign_out"), symbol: "out", act: () => signOut().catch(fail) },
  ];
}

async function findTasks(text, state, draw) {
  state.tasks = [];
  if (text.trim()) {
    try {
      const { data } = await call("GET", "/tasks", { query: { q: text.trim().slice(0, 200), limit: MOST_TASKS } });
      state.tasks = data.items.map(({ id, title }) => ({ text: title, symbol: "check", act: () => go("list", { status: "all", q: title.slice(0, 100), task: id }) }));
    } catch (problem) {
      if (problem.status !== 400) fail(problem);
    }
  }
  draw();
}

const folded = (text) => text.trim().toLowerCase().normalize("NFKD").replace(/\p{Mn}/gu, "");
