// Every call of the page: the only fetch. A call never fails because the server is away: it waits and goes on.

import { accessToken, renew } from "./access.js";
import { makeStore } from "./store.js";

const BASE = "api/v1";
// What a proxy says while the service behind it starts is as good as a 503.
const BUSY = new Set([429, 502, 503, 504]);
const MOST_TRIES = 8;
// Nobody waits longer for a limit; what was asked for is said to be refused instead.
const LONGEST_WAIT_SECONDS = 30;
const PROBE_MS = [500, 1000, 2000, 4000];

/** A refusal of the API (RFC 9457): decide by `code`, show `message`. */
export class Problem extends Error {
  constructor(status, said, retryAfter) {
    super(said?.detail ?? said?.title ?? `HTTP ${status}`);
    this.status = status;
    this.code = said?.code ?? "unknown";
    this.faults = said?.errors ?? [];
    this.requestId = said?.request_id ?? "";
    this.retryAfter = retryAfter;
  }
}

/** How things stand with the server: `here`, `away`, `reading` while it can only be read, or `busy` until it can be asked again. */
export const connection = makeStore({ state: "here" });

/** How many changes of the person's have not been acknowledged yet. */
export const unsaved = makeStore(0);

let consistency = { token: null, sent: 0 };
let sent = 0;
let coming = null;

/**
 * Call the API as the person who is signed in.
 *
 * `match` is sent as If-Match, `known` as If-None-Match. A write carries an Idempotency-Key, so that it may be
 * sent again until its answer comes; `isCounted` says that it is part of a change that is counted already. Answers { status, data, etag, headers }; throws Problem, and AbortError where
 * `signal` says that nobody waits any more.
 */
export async function call(method, path, { query, body, match, known, signal, isCounted } = {}) {
  const headers = {};
  if (match) headers["If-Match"] = match;
  if (known) headers["If-None-Match"] = known;
  if (method === "GET") return authorised(method, path, { query, headers, signal });
  headers["Idempotency-Key"] = freshKey();
  const write = () => authorised(method, path, { query, body, headers });
  return isCounted ? write() : counted(write);
}

/** Do something as one change that is not acknowledged before it is through. */
export async function counted(act) {
  unsaved.set(unsaved.get() + 1);
  try {
    return await act();
  } finally {
    unsaved.set(unsaved.get() - 1);
  }
}

async function authorised(method, path, request) {
  for (let renewals = 0; ; renewals += 1) {
    const token = await accessToken();
    const authorization = { Authorization: `Bearer ${token}` };
    const answer = await send(method, path, { ...request, headers: { ...request.headers, ...authorization } });
    if (answer.status !== 401 || renewals === 2) return accepted(answer);
    await renew(token);
  }
}

/** Call without a token, as those of /auth are. Answers as `call` does; throws Problem. */
export async function callOpen(method, path, body) {
  return accepted(await send(method, path, { body, headers: {} }));
}

/** The same as `call`, with refusals as answers: for whoever decides by their status. */
export async function send(method, path, { query, body, headers, signal }) {
  const url = `${BASE}${path}${queryString(query)}`;
  const request = { method, signal, headers: { ...headers }, cache: "no-store", credentials: "same-origin" };
  if (body instanceof Blob) {
    request.body = body;
    request.headers["Content-Type"] = "application/octet-stream";
  } else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  for (let tries = 1; ; tries += 1) {
    const answer = await arrived(url, request);
    const wait = Number(answer.headers.get("Retry-After") ?? 2);
    if (!BUSY.has(answer.status) || tries === MOST_TRIES || wait > LONGEST_WAIT_SECONDS) return answer;
    await busy(wait, answer.status, signal);
  }
}

/** The whole answer, however long the server is away. */
async function arrived(url, request) {
  for (;;) {
    const number = (sent += 1);
    if (consistency.token) request.headers["Consistency-Token"] = consistency.token;
    try {
      const answer = await fetch(url, request);
      const text = await answer.text();
      note(answer);
      remember(answer.headers.get("Consistency-Token"), number);
      const { status, headers } = answer;
      return { status, headers, etag: headers.get("ETag"), data: parsed(text) };
    } catch (error) {
      if (error.name === "AbortError" || !(error instanceof TypeError)) throw error;
      await back(request.signal);
    }
  }
}

/** What an answer tells of the server. */
function note({ status, headers }) {
  const { state } = connection.get();
  if (headers.get("X-Consistency") === "replica") connection.set({ state: "reading" });
  else if (state === "away" || (state === "reading" && status < 500)) connection.set({ state: "here" });
}

function accepted(answer) {
  if (answer.status < 400) return answer;
  throw new Problem(answer.status, answer.data, Number(answer.headers.get("Retry-After") ?? 0));
}

// Answers overtake each other: what the later question was answered with is the newer.
function remember(token, number) {
  if (token && number > consistency.sent) consistency = { token, sent: number };
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** Until the server answers again. */
function back(signal) {
  connection.set({ state: "away" });
  coming ??= probe().finally(() => {
    coming = null;
  });
  return unlessAborted(coming, signal);
}

async function probe() {
  for (let tries = 0; ; tries += 1) {
    await pause(PROBE_MS[Math.min(tries, PROBE_MS.length - 1)]);
    try {
      await fetch("livez", { cache: "no-store" });
      connection.set({ state: "here" });
      return;
    } catch {
      connection.set({ state: "away" });
    }
  }
}

async function busy(seconds, status, signal) {
  const before = connection.get().state === "reading" ? "reading" : "here";
  connection.set({ state: "busy", status, seconds });
  await unlessAborted(pause(seconds * 1000), signal);
  if (connection.get().state === "busy") connection.set({ state: before });
}

/** So many milliseconds, or until the browser says that the network is back. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
  });
}

function unlessAborted(promise, signal) {
  if (!signal) return promise;
  return Promise.race([
    promise,
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  ]);
}

function queryString(query) {
  if (!query) return "";
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const given = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** 128 random bits; `crypto.randomUUID` is missing on pages that came over plain http. */
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
