// The access token: in the memory of this tab alone, and handed from tab to tab, so that one refresh serves all.
// The refresh token is in a cookie that no script can read.

import { send } from "./api.js";
import { makeEvents } from "./store.js";

const LOCK = "taskapi-refresh";
// Held by every tab as long as it is open, so that a new one knows whether there is anybody to ask.
const PRESENCE = "taskapi-tab";
// Every other tab answers, at once; what this is for is one that was closed in the same moment.
const ASK_MS = 1000;
// A token is renewed a little before its time, so that no call finds it expired on the way.
const EARLY_MS = 15_000;

const channel = new BroadcastChannel("taskapi");
let access = null;
let renewing = null;
let asking = false;

/** `lost`: the session is over, `regained` by a new log-in; `out`: it was ended on purpose, in some tab; `in`: somebody signed in, in another. */
export const accessEvents = makeEvents();

/** The session is over, and nobody was in yet who could be asked to sign in again. */
export class SessionOver extends Error {}

/** The promise of a new session, kept by whoever listens to `lost`. */
let regained = null;
let isAwaited = false;

/** From now on a call whose session is over waits until somebody signed in again. */
export function awaitSessions() {
  isAwaited = true;
}

/** A token that is good for a while. */
export async function accessToken() {
  if (!isGood(access)) await renew(access?.token);
  return access.token;
}

/** Whether this browser has a session, found out once at the start. */
export async function hasSession() {
  return isGood(access) || (await exclusively(() => renewed(null)));
}

/**
 * Have another token than the one that is spent. Where the session is over, that waits for a new one, or throws
 * SessionOver where nobody was in yet.
 */
export async function renew(spent) {
  renewing ??= exclusively(() => renewed(spent)).finally(() => {
    renewing = null;
  });
  if (await renewing) return;
  if (!isAwaited) {
    access = null;
    throw new SessionOver();
  }
  if (!regained) {
    let resolve;
    regained = { promise: new Promise((done) => (resolve = done)), resolve };
    accessEvents.tell("lost");
  }
  await regained.promise;
}

/** Take the tokens of a log-in, and tell the other tabs. */
export function take(granted) {
  adopt({ token: granted.access_token, until: performance.timeOrigin + performance.now() + granted.expires_in * 1000 });
  channel.postMessage({ kind: "token", access });
}

export function drop() {
  access = null;
  channel.postMessage({ kind: "out" });
}

/** Tell the other tabs that something of the person's was changed. */
export const tellOthers = () => channel.postMessage({ kind: "changed" });

/** Whose token this is: the id of the user. */
export const ownerOf = (token) => JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub;

function adopt(given) {
  access = given;
  if (!regained) return;
  regained.resolve();
  regained = null;
  accessEvents.tell("regained");
}

async function renewed(spent) {
  if (isGood(access) && access.token !== spent) return true;
  const shared = await askOthers(spent);
  if (shared) {
    adopt(shared);
    return true;
  }
  const answer = await send("POST", "/auth/refresh", { body: {}, headers: {} });
  if (answer.status !== 200) return false;
  take(answer.data);
  return true;
}

/** Ask the other tabs for a token that is not the spent one. */
async function askOthers(spent) {
  const locks = await navigator.locks?.query();
  let unheard = (locks?.held ?? []).filter((lock) => lock.name === PRESENCE).length - 1;
  if (unheard < 1) return null;
  asking = true;
  const question = Math.random();
  return new Promise((resolve) => {
    const heard = ({ data }) => {
      if (data.kind === "token" && data.access.token !== spent && isGood(data.access)) finish(data.access);
      // Answers to somebody else's question may still be on their way.
      else if (data.to === question) unheard -= 1;
      if (unheard < 1) finish(null);
    };
    const finish = (found) => {
      clearTimeout(timer);
      channel.removeEventListener("message", heard);
      asking = false;
      resolve(found);
    };
    const timer = setTimeout(finish, ASK_MS, null);
    channel.addEventListener("message", heard);
    channel.postMessage({ kind: "ask", question });
  });
}

const isGood = (given) => given !== null && performance.timeOrigin + performance.now() < given.until - EARLY_MS;

/** One tab at a time. Over plain http there are no locks; the server forgives two refreshes within ten seconds. */
const exclusively = (act) => (navigator.locks ? navigator.locks.request(LOCK, act) : act());

channel.addEventListener("message", ({ data }) => {
  if (data.kind === "ask") channel.postMessage({ to: data.question, ...(isGood(access) ? { kind: "token", access } : { kind: "none" }) });
  else if (data.kind === "token") heardOf(data.access);
  else if (data.kind === "changed") accessEvents.tell("changed");
  else if (data.kind === "out") {
    // Nobody is to be handed a token whose session was ended.
    access = null;
    accessEvents.tell("out");
  }
});

function heardOf(given) {
  if (access === null) {
    if (!asking) accessEvents.tell("in", given);
  } else if (ownerOf(access.token) === ownerOf(given.token)) {
    // A tab that has not heard of a newer one yet may still hand out the older.
    if (given.until > access.until) adopt(given);
  } else {
    accessEvents.tell("out");
  }
}

navigator.locks?.request(PRESENCE, { mode: "shared" }, () => new Promise(() => {}));

/** Use what another tab signed in with. */
export const adoptFromOther = adopt;
