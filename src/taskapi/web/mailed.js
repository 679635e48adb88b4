// What the pages that mails lead to have in common: the token, the one call, and what is shown of its answer.

import { applyTheme } from "./theme.js";
import { words } from "./words.js";

// What a proxy says while the service behind it is not there, and the service while it starts.
const ABSENT = new Set([502, 503, 504]);
const AGAIN_MS = 2000;

applyTheme();

// Taken once and removed from the address, so that nobody reads it in the history or over a shoulder.
const token = location.hash.slice(1);
// Mail programs send the address as it is (RFC 8058): a token that declines mails stands where they find it.
export const declining = new URLSearchParams(location.search).get("token") ?? "";
if (token) history.replaceState(null, "", location.pathname + location.search);

for (const element of document.querySelectorAll("[data-word]")) {
  element.textContent = words[element.dataset.word];
}
document.documentElement.lang = words.language;
document.documentElement.dir = words.direction;
document.title = `${document.querySelector("h1").textContent} · taskapi`;

/** Show the form for the link's token, or where there is none the one that asks for a mail. */
export function begin({ confirm, ask }) {
  bind("confirm", `api/v1/auth/${confirm.path}`, (form) => ({ token, ...confirm.body(form) }), words[confirm.done]);
  bind("ask", `api/v1/auth/${ask.path}`, (form) => ({ email: form.elements.email.value }), words[ask.done]);
  show(token ? "confirm" : "ask");
}

/** The form of this name: sent to `path`, with what `bodyOf(form)` says, and `done` once that is taken. */
export function bind(id, path, bodyOf, done) {
  const form = document.getElementById(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    tell(form, "");
    const { problem, deadToken } = await call(path, bodyOf(form), (text) => tell(form, text, false));
    button.removeAttribute("aria-disabled");
    tell(form, "");
    if (!problem) {
      finish(done);
    } else if (deadToken && document.getElementById("ask")) {
      show("ask");
      tell(document.getElementById("ask"), words.dead_link);
    } else {
      tell(form, problem);
    }
  });
}

/** What is wrong, in the server's own words, or an empty text. While the server is away that is told, and it is asked again. */
async function call(path, body, away) {
  const answer = await arrived(path, body, away);
  if (answer.ok) return { problem: "" };
  const said = await answer.json().catch(() => ({}));
  const faults = said.errors ?? [];
  if (faults.some((fault) => /^(\/|query\/)token$/.test(fault.pointer))) return { problem: words.dead_link, deadToken: true };
  const told = faults.map((fault) => `${words[fault.pointer.slice(1)] ?? fault.pointer} ${fault.detail}.`);
  return { problem: told.join(" ") || said.detail || words.trouble };
}

async function arrived(path, body, away) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, credentials: "same-origin", body: JSON.stringify(body) };
  for (;;) {
    const answer = await fetch(path, request).catch(() => null);
    if (answer && !ABSENT.has(answer.status)) return answer;
    away(words.offline);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

export function show(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
  document.querySelector(`#${id} input, #${id} button`).focus();
}

function finish(text) {
  for (const form of document.forms) form.hidden = true;
  const done = document.getElementById("done");
  done.hidden = false;
  done.firstElementChild.textContent = text;
  done.focus();
}

/** `isFault` says that it is about what was typed. */
function tell(form, text, isFault = true) {
  const problem = form.querySelector(".problem");
  // The same text again would be read out again.
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
  const field = form.querySelector("input:not([type=checkbox])");
  if (field && text && isFault) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  } else if (field) {
    field.removeAttribute("aria-invalid");
  }
}
