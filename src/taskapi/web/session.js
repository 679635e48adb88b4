// Who is signed in here, and how that begins and ends.

import { call, callOpen, unsaved } from "./api.js";
import { accessEvents, adoptFromOther, awaitSessions, drop, hasSession, ownerOf, SessionOver, take } from "./access.js";
import { keepTime, speak } from "./language.js";
import { makeStore } from "./store.js";

const NOTE = "taskapi.note";

/** The account, or null. */
export const me = makeStore(null);

/** Whether somebody is signed in in this browser. */
export async function resume() {
  if (!(await hasSession())) return false;
  try {
    await meet();
    return true;
  } catch (problem) {
    // The token was another tab's, and that signed out in the same moment.
    if (problem instanceof SessionOver) return false;
    throw problem;
  }
}

/** Sign in. Throws Problem. */
export async function signIn(email, password) {
  const { data } = await callOpen("POST", "/auth/login", { email, password, use_cookie: true });
  const before = me.get();
  if (before && before.id !== ownerOf(data.access_token)) return leave(null);
  take(data);
  return meet();
}

/** End this session, in every tab, as soon as what was done in this one is acknowledged. */
export async function signOut() {
  await allSaved();
  await call("POST", "/auth/logout");
  drop();
  leave("signed_out");
}

function allSaved() {
  if (unsaved.get() === 0) return null;
  return new Promise((resolve) => {
    const stop = unsaved.watch((count) => {
      if (count > 0) return;
      stop();
      resolve();
    });
  });
}

/** Have the account read again, after it was changed. */
export async function meet() {
  const { data } = await call("GET", "/me");
  await know(data);
}

/** Take the account as a call answered it. */
export async function know(account) {
  keepTime(account.timezone);
  await speak(account.language);
  awaitSessions();
  me.set(account);
}

/** Begin anew with nothing of the last person left in the memory; `note` is said on the page that follows. */
export function leave(note) {
  // Drafts too: who signs out leaves nothing for whoever sits down next.
  sessionStorage.clear();
  if (note) sessionStorage.setItem(NOTE, note);
  unsaved.set(0);
  location.reload();
}

/** What is to be said once, after the page began anew. */
export function takeNote() {
  const note = sessionStorage.getItem(NOTE);
  sessionStorage.removeItem(NOTE);
  return note;
}

accessEvents.on("out", () => {
  if (me.get()) leave("signed_out_elsewhere");
});

accessEvents.on("in", (access) => {
  const before = me.get();
  if (before && before.id !== ownerOf(access.token)) {
    leave(null);
    return;
  }
  adoptFromOther(access);
  if (!before) meet();
});
