// What is said in passing: to the eye in a corner, to the ear by a live region, with an undo where there is one.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { has, number, t } from "./language.js";

const SHOWN_MS = 8000;
const MOST = 3;
const MOST_UNDOS = 50;

const undos = [];

/** Say something to screen readers: at once where it cannot wait. */
export function say(text, { now = false } = {}) {
  const region = document.getElementById(now ? "said-now" : "said");
  fill(region);
  // A region that gets the same text again is not read again; an empty one in between is news.
  setTimeout(() => fill(region, text), 30);
}

/** Say something in passing. `undo` is a function that takes back what was done. */
export function tell(text, { undo = null, isWrong = false } = {}) {
  const corner = document.getElementById("notices");
  corner.setAttribute("aria-label", t("notices"));
  const notice = h(`div.notice${isWrong ? ".wrong" : ""}`, {}, isWrong && icon("warn"), h("p", {}, text));
  const remove = () => notice.remove();
  let timer = setTimeout(remove, SHOWN_MS);
  notice.addEventListener("pointerenter", () => clearTimeout(timer));
  notice.addEventListener("pointerleave", () => (timer = setTimeout(remove, SHOWN_MS)));
  // What can be taken back is one notice at a time; the keys reach the older ones.
  if (!isWrong) for (const older of corner.querySelectorAll(".notice:not(.wrong)")) older.remove();
  if (undo) {
    const once = { act: undo, remove };
    undos.push(once);
    if (undos.length > MOST_UNDOS) undos.shift();
    notice.append(h("button.undo", { type: "button", onclick: () => takeBack(once) }, t("undo")));
  }
  notice.append(h("button.bare", { type: "button", "aria-label": t("dismiss"), onclick: remove }, icon("close")));
  corner.append(notice);
  while (corner.children.length > MOST) corner.firstElementChild.remove();
  say(undo ? `${text} ${t("undo_hint")}` : text, { now: isWrong });
}

/** Take back what was done last; false where there is nothing. */
export function undoLast() {
  const last = undos.at(-1);
  if (last) takeBack(last);
  else say(t("nothing_to_undo"));
  return Boolean(last);
}

async function takeBack(once) {
  const at = undos.indexOf(once);
  if (at < 0) return;
  undos.splice(at, 1);
  once.remove();
  try {
    const said = await once.act();
    tell(said ?? t("undone"));
  } catch (problem) {
    fail(problem);
  }
}

/** Say why something did not work. What nobody waits for any more needs no word. */
export function fail(problem) {
  if (problem.name === "AbortError") return;
  tell(reason(problem), { isWrong: true });
}

/** A refusal in the person's own language where its code is known, else in the API's words. */
export function reason(problem) {
  if (!("code" in problem)) {
    console.error(problem);
    return t("trouble");
  }
  const known = has(`problem_${problem.code}`) ? t(`problem_${problem.code}`, { minutes: Math.ceil((problem.retryAfter || 60) / 60) }) : null;
  const faults = problem.faults.map((fault) => `${fieldOf(fault.pointer)}: ${fault.detail}`);
  const text = known ?? (faults.length ? faults.join("\n") : problem.message);
  return problem.status >= 500 && problem.requestId ? `${text} (${problem.requestId})` : text;
}

/** How things stand with the server, in words. */
export function connectionWord({ state, status, seconds }) {
  return state === "away" || state === "reading" ? t(state) : t(status === 429 ? "limited" : "busy", { seconds: number(seconds) });
}

/** The name of the field that a JSON pointer leads to. */
export function fieldOf(pointer) {
  const name = pointer.replace(/^\//, "").split("/")[0];
  return has(`field_${name}`) ? t(`field_${name}`) : name;
}
