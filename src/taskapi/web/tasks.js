// The person's tasks as this page knows them, and everything that can be done to one. What is done shows at once,
// and is taken back with a word where the server refuses it.

import { call, counted } from "./api.js";
import { tellOthers } from "./access.js";
import { makeEvents } from "./store.js";

/** `task` (id): one is another now. `gone` (id): it is in no list any more. `moved`: lists may be others now. */
export const taskEvents = makeEvents();

// As the server said last.
const server = new Map();
// The same with what was changed here since and is on its way: what is shown.
const known = new Map();
// Writes on their way by task, oldest first: { fields, seen }, where `seen` is what the person had before them.
const pending = new Map();
// The ETag of a task in the version that it is of.
const tags = new Map();
// Writes of one task wait for each other, each built on what the one before it left.
const queues = new Map();

export const STATUSES = ["todo", "in_progress", "done"];
export const PRIORITIES = ["none", "low", "medium", "high", "urgent"];
const WRITABLE = ["title", "description", "status", "priority", "due_at", "due_on", "labels", "project_id"];

/** A task as it was seen last, with what was changed since and is on its way. */
export const taskOf = (id) => known.get(id);

/**
 * Take tasks as a list answered them. Those with a write on its way stay as they are shown; descriptions are not
 * kept, because nothing shows them but the panel, which asks for them.
 */
export function learn(tasks) {
  for (const { description: _, ...task } of tasks) {
    const before = server.get(task.id);
    const isNews = before?.version !== task.version || before.trashed_at !== task.trashed_at;
    if (!queues.has(task.id) && isNews) keep(task);
  }
  return tasks.map((task) => task.id);
}

/** Read one with its description and its ETag. Throws Problem. */
export async function read(id, signal) {
  const { data, etag } = await call("GET", `/tasks/${id}`, { signal });
  tag(data, etag);
  if (!queues.has(id)) keep(data);
  return data;
}

/** Make a task; answers it as it was made. Throws Problem. */
export async function create(fields) {
  const { data, etag } = await call("POST", "/tasks", { body: fields });
  tag(data, etag);
  keep(data);
  moved();
  return data;
}

/**
 * Change fields of a task, with `position` to place it. What others changed meanwhile in other fields stays; where
 * both changed the same field, the person is asked. Answers the fields' values before, for an undo, or null where
 * nothing was written. An undo says by `seen` what it takes back: what is another by now was changed since. Throws
 * Problem.
 */
export function change(id, fields, seen = {}) {
  const { position: _, ...shown } = fields;
  const mine = { fields: shown, seen: { ...known.get(id), ...seen } };
  pending.set(id, [...(pending.get(id) ?? []), mine]);
  show(id);
  const act = async () => {
    try {
      return await write(id, fields, mine);
    } finally {
      pending.set(id, pending.get(id).filter((one) => one !== mine));
      show(id);
      moved();
    }
  };
  return counted(() => inTurn(id, act));
}

async function write(id, wanted, mine) {
  let fields = wanted;
  for (;;) {
    await haveTag(id, "description" in fields);
    const theirs = server.get(id);
    fields = await settle(mine.seen, theirs, fields);
    if (fields === null || Object.keys(fields).length === 0) return null;
    mine.seen = { ...mine.seen, ...pick(theirs, Object.keys(fields)) };
    try {
      const { data, etag } = await call("PATCH", `/tasks/${id}`, { body: fields, match: tags.get(id).etag, isCounted: true });
      tag(data, etag);
      server.set(id, data);
      // Those that wait were made by somebody who saw this one.
      for (const one of pending.get(id)) one.seen = { ...one.seen, ...pick(data, Object.keys(fields)) };
      return pick(theirs, Object.keys(fields));
    } catch (problem) {
      if (problem.status !== 412) throw problem;
      tags.delete(id);
    }
  }
}

/** Have the ETag of what the server has, and that itself where it is not known. */
async function haveTag(id, withDescription) {
  const { version, description } = server.get(id) ?? {};
  if (tags.get(id)?.version === version && (description !== undefined || !withDescription)) return;
  server.set(id, await fresh(id));
}

/** The fields that may be written on top of what others wrote; null where the person rather leaves it. */
async function settle(base, theirs, fields) {
  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const clashes = Object.keys(fields).filter(
    (key) => key !== "position" && base[key] !== undefined && !isSame(base[key], theirs[key]) && !isSame(fields[key], theirs[key]),
  );
  if (clashes.length === 0) return fields;
  const { askAbout } = await import("./conflict.js");
  const chosen = await askAbout(theirs, clashes.map((field) => ({ field, mine: fields[field], theirs: theirs[field] })));
  if (chosen === null) return null;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !clashes.includes(key) || chosen.has(key)));
}

async function fresh(id) {
  const { data, etag } = await call("GET", `/tasks/${id}`);
  tag(data, etag);
  return data;
}

/** Move to the trash. Throws Problem. */
export function trash(id) {
  return inTurn(id, async () => {
    await call("DELETE", `/tasks/${id}`);
    forget(id);
  });
}

/** Take out of the trash. Throws Problem. */
export async function restore(id) {
  const { data, etag } = await call("POST", `/tasks/${id}/restore`, { body: {} });
  tag(data, etag);
  keep(data);
  moved();
  return data;
}

/**
 * Delete what is in the trash for good; false where it is there no longer, brought back perhaps from elsewhere while
 * somebody was asked whether they are sure. Throws Problem.
 */
export function erase(id) {
  return counted(async () => {
    if (await isLive(id)) return false;
    await call("DELETE", `/tasks/${id}`, { query: { permanent: true }, isCounted: true });
    forget(id);
    return true;
  });
}

async function isLive(id) {
  try {
    await fresh(id);
    return true;
  } catch (problem) {
    if (problem.status === 404) return false;
    throw problem;
  }
}

/** Up to a hundred changes, each by itself; answers their results in order. Throws Problem. */
export async function bulk(operations) {
  const { data } = await call("POST", "/tasks/bulk", { body: { atomic: false, operations } });
  for (const result of data.results) {
    if (result.status < 300 && result.body?.id) keep(result.body);
  }
  moved();
  return data.results;
}

/** What an undo of these fields has to write: only what can be written, with one of the two dues. */
export function undoing(before) {
  const fields = Object.fromEntries(Object.entries(before).filter(([key]) => WRITABLE.includes(key)));
  if ("due_at" in fields && fields.due_at) fields.due_on = null;
  if ("due_on" in fields && fields.due_on) fields.due_at = null;
  return fields;
}

function tag(task, etag) {
  tags.set(task.id, { version: task.version, etag });
}

function keep(task) {
  server.set(task.id, task);
  show(task.id);
}

/** Show a task as the server has it, with what is on its way. */
function show(id) {
  const writes = pending.get(id) ?? [];
  if (!server.has(id)) return;
  known.set(id, Object.assign({}, server.get(id), ...writes.map(({ fields }) => fields), writes.length ? { saving: true } : {}));
  taskEvents.tell("task", id);
}

const pick = (task, names) => Object.fromEntries(names.filter((name) => name !== "position").map((name) => [name, task[name]]));

function forget(id) {
  taskEvents.tell("gone", id);
  known.delete(id);
  server.delete(id);
  tags.delete(id);
  moved();
}

function moved() {
  taskEvents.tell("moved");
  tellOthers();
}

function inTurn(id, act) {
  const turn = (queues.get(id) ?? Promise.resolve()).catch(() => {}).then(act);
  queues.set(id, turn);
  const end = () => {
    if (queues.get(id) === turn) queues.delete(id);
  };
  turn.then(end, end);
  return turn;
}
