// Where the page begins: the language, the theme, and either the tasks or the way in.

import { accessEvents } from "./access.js";
import { unsaved } from "./api.js";
import { fill, h } from "./dom.js";
import { speak, t } from "./language.js";
import { tell } from "./notices.js";
import { place } from "./router.js";
import { me, resume, takeNote } from "./session.js";
import { applyTheme } from "./theme.js";

const root = document.getElementById("app");

async function begin() {
  applyTheme();
  const waiting = setTimeout(() => fill(root, h("div.starting", {}, h("div.spinner", { role: "img", "aria-label": t("loading") }))), 200);
  await speak(null);
  const isIn = await resume();
  clearTimeout(waiting);
  if (!isIn) await showWayIn();
  else await showTasks();
}

async function showTasks() {
  const { showShell } = await import("./shell.js");
  showShell(root);
}

async function showWayIn() {
  const { showSignIn } = await import("./signin.js");
  let screen = showSignIn(root, place.get().name, takeNote());
  const stopPlace = place.watch(({ name }) => {
    screen = showSignIn(root, name, null, screen);
  });
  const stopMe = me.watch((account) => {
    if (!account) return;
    stopPlace();
    stopMe();
    showTasks();
  });
}

accessEvents.on("lost", async () => {
  const { signInAgain } = await import("./signin.js");
  signInAgain();
});

addEventListener("beforeunload", (event) => {
  if (unsaved.get() > 0) event.preventDefault();
});

// What the page's policy stops is a fault of ours or an attack: it is said, not hidden.
addEventListener("securitypolicyviolation", (event) => {
  console.error(`blocked by the page's policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  tell(t("blocked"), { isWrong: true });
});

begin();
