// Around every screen: the sidebar, the banner of the connection, the panel of a task.

import { connection, unsaved } from "./api.js";
import { fill, focusable, h } from "./dom.js";
import { keepFresh } from "./freshness.js";
import { icon } from "./icons.js";
import { learnAccountWords, t } from "./language.js";
import { connectionWord, fail, say } from "./notices.js";
import { labels, refreshChoices } from "./projects.js";
import { go, place } from "./router.js";
import { listen } from "./shortcuts.js";
import { sidebar } from "./sidebar.js";

const SCREENS = {
  list: () => import("./list.js"),
  board: () => import("./board.js"),
  trash: () => import("./trash.js"),
  stats: () => ofAccount(() => import("./stats.js")),
  settings: () => ofAccount(() => import("./settings.js")),
  admin: () => ofAccount(() => import("./admin.js")),
};

async function ofAccount(load) {
  await learnAccountWords();
  return load();
}

// Fetched when the page has been seen, so that they are there also when the server is not.
const LATER = [
  ...Object.values(SCREENS),
  () => import("./notfound.js"),
  () => import("./detail.js"),
  () => import("./conflict.js"),
  () => import("./palette.js"),
  () => import("./projectdialogs.js"),
  () => import("./signin.js"),
];
const LATER_MS = 800;

// Those that lead in are behind somebody who is in.
const WAYS_IN = new Set(["sign-in", "register", "forgot"]);

/** Show the page of somebody who is signed in. */
export function showShell(root) {
  new Shell(root);
}

class Shell {
  constructor(root) {
    this.main = h("main", { id: "main", tabindex: "-1" });
    this.panel = h("aside.panel", { "aria-label": t("task"), hidden: true });
    this.side = sidebar(() => this.#menu(false));
    this.menuButton = h("button.bare.menu", { type: "button", "aria-label": t("main_menu"), "aria-expanded": "false", "aria-controls": "side", onclick: () => this.#menu(!this.root.classList.contains("menu-open")) }, icon("menu"));
    this.banner = h("div.banner", { role: "status", hidden: true });
    this.root = h("div.shell", {}, [
      h("button.skip", { type: "button", onclick: () => this.main.focus() }, t("skip")),
      this.side.element,
      h("div.veil", { onclick: () => this.#menu(false) }),
      h("div.middle", {}, this.banner, this.menuButton, this.main),
      this.panel,
      h("datalist", { id: "all-labels" }),
    ]);
    // Who just signed in had the focus in what this takes the place of.
    this.takesFocus = root.contains(document.activeElement);
    fill(root, this.root);
    this.#watch();
    if (WAYS_IN.has(place.get().name)) go("list", {}, { replace: true });
    refreshChoices().catch(fail);
    this.#show();
  }

  #watch() {
    place.watch(() => this.#show());
    connection.watch((state) => this.#tell(state));
    unsaved.watch(() => this.#tell(connection.get()));
    labels.watch((all) => fill(this.root.querySelector("#all-labels"), all.map(({ name }) => h("option", { value: name }))));
    listen({ quick: () => this.#quick(), enter: () => (this.screen?.enter ? this.screen.enter() : this.main.focus()) });
    keepFresh(() => this.#refresh());
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.#menu(false));
  }

  async #show() {
    const { name, params } = place.get();
    const view = viewOf(name, params);
    if (view !== this.view) {
      const isSameScreen = this.view?.split("?")[0] === view.split("?")[0];
      this.view = view;
      if (isSameScreen && this.screen?.update) await this.screen.update(params);
      else await this.#open(name, params);
      if (view !== this.view) return;
    }
    this.#showPanel(params.get("task"));
    document.title = `${this.module?.title() ?? ""} · taskapi`;
  }

  async #open(name, params) {
    this.screen?.close?.();
    this.screen = null;
    this.stop?.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.main.className = `screen-${name in SCREENS ? name : "notfound"}`;
    try {
      const module = await (SCREENS[name] ?? (() => import("./notfound.js")))();
      if (signal.aborted) return;
      this.module = module;
      document.title = `${module.title()} · taskapi`;
      const isFirst = !this.wasShown;
      if (isFirst) setTimeout(() => LATER.forEach((load) => load().catch(() => {})), LATER_MS);
      this.wasShown = true;
      const screen = await module.open(this.main, { params, signal });
      if (signal.aborted) return screen.close?.();
      this.screen = screen;
      if (this.wantsQuick) this.#quick();
      if (this.takesFocus) {
        say(module.title());
        if (!this.main.contains(document.activeElement) && !this.panel.contains(document.activeElement)) this.main.focus({ preventScroll: true });
      }
      this.takesFocus = true;
    } catch (problem) {
      // Where somebody went on meanwhile, nobody waits for this screen.
      if (!signal.aborted) this.#unloaded(problem);
    }
  }

  /** A part of the page did not come, as when a release replaced it: the page is begun anew. */
  #unloaded(problem) {
    fail(problem);
    fill(this.main, h("div.empty.whole", {}, h("h1", {}, t("unloaded_title")), h("p", {}, t("unloaded")), h("button.main", { type: "button", onclick: () => location.reload() }, t("reload"))));
  }

  async #showPanel(id) {
    if (id === this.shown) return;
    this.shown = id;
    this.detail?.close();
    this.detail = null;
    this.panel.hidden = !id;
    this.root.classList.toggle("has-panel", Boolean(id));
    if (!id) {
      this.opener?.isConnected ? this.opener.focus() : this.main.querySelector(`[data-id="${this.last}"] .name`)?.focus();
      return;
    }
    this.opener = document.activeElement;
    this.last = id;
    const { openDetail } = await import("./detail.js");
    if (this.shown !== id) return;
    const detail = await openDetail(this.panel, id);
    if (this.shown !== id) return detail.close();
    this.detail = detail;
    // On what another Enter would do no harm; who is at work in it already is left there.
    if (!this.panel.contains(document.activeElement)) this.panel.querySelector(".panel-bar .bare")?.focus();
  }

  /** To the line for new tasks; where a screen has none or is not there yet, to the list's. */
  #quick() {
    this.wantsQuick = !this.screen?.quick;
    if (!this.wantsQuick) this.screen.quick.focus();
    else if (this.screen) go("list");
  }

  async #refresh() {
    refreshChoices().catch(fail);
    await Promise.all([this.screen?.refresh?.(), this.detail?.refresh()]);
  }

  /** Say that the server is away or busy, and that nothing is lost. */
  #tell(now) {
    const isHere = now.state === "here";
    this.banner.hidden = isHere;
    this.root.classList.toggle("is-away", !isHere);
    if (isHere) return;
    const kept = unsaved.get() ? ` ${t("kept", { n: unsaved.get() })}` : "";
    fill(this.banner, icon("warn"), h("span", {}, `${connectionWord(now)}${kept}`));
  }

  #menu(isOpen) {
    this.root.classList.toggle("menu-open", isOpen);
    this.menuButton.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) focusable(this.side.element)[0]?.focus();
  }
}

/** A place without what only concerns the panel. */
function viewOf(name, params) {
  const others = new URLSearchParams(params);
  others.delete("task");
  return `${name}?${others}`;
}
