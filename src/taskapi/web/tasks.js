// The person's tasks as this page knows them, and everything that can be done to one. What is done shows at once,
// and is taken back with a word where the server refuses it.

import { call } from "./api.js";
import { tellOthers } from "./access.js";
import { makeEvents } from "./store.js";

/** `task` (id): one is another now. `gone` (id): it is in no list any more. `moved`: lists may be others now. */
export const taskEvents = makeEvents();

const known = new Map();
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
  for (const { description, ...task } of tasks) {
    const before = known.get(task.id);
    const isNews = before?.version !== task.version || before.trashed_at !== task.trashed_at;
    if (!queues.has(task.id) && isNews) note({ ...task, hasDescription: description !== "" });
  }
  return tasks.map((task) => task.id);
}

/** Read one with its description and its ETag. Throws Problem. */
export async function read(id, signal) {
  const { data, etag } = await call("GET", `/tasks/${id}`, { signal });
  tags.set(id, { version: data.version, etag });
  if (!queues.has(id)) note(data);
  return data;
}

/** Make a task; answers it as it was made. Throws Problem. */
export async function create(fields) {
  const { data, etag } = await call("POST", "/tasks", { body: fields });
  keep(data, etag);
  moved();
  return data;
}

/**
 * Change fields of a task, with `position` to place it. What others changed meanwhile in other fields stays; where
 * both changed the same field, the person is asked. Answers the fields' values before, for an undo, or null where
 * nothing was written. Throws Problem.
 */
export function change(id, fields) {
  const base = known.get(id);
  const { position: _, ...shown } = fields;
  note({ ...base, ...shown, saving: true });
  return inTurn(id, async () => {
    try {
      const done = await write(id, base, fields);
      moved();
      return done;
    } catch (problem) {
      note({ ...base });
      moved();
      throw problem;
    }
  });
}

async function write(id, seen, wanted) {
  let fields = wanted;
  let base = seen;
  for (;;) {
    const tag = tags.get(id);
    if (tag?.version !== base.version || (tag && "description" in fields && base.description === undefined)) {
      const theirs = await fresh(id);
      const settled = await settle(base, theirs, fields);
      if (settled === null || Object.keys(settled).length === 0) {
        note(theirs);
        return null;
      }
      [fields, base] = [settled, theirs];
    }
    const before = Object.fromEntries(Object.keys(fields).filter((key) => key !== "position").map((key) => [key, base[key]]));
    try {
      const { data, etag } = await call("PATCH", `/tasks/${id}`, { body: fields, match: tags.get(id).etag });
      keep(data, etag);
      return before;
    } catch (problem) {
      if (problem.status !== 412) throw problem;
      tags.delete(id);
    }
  }
}

/** The fields that may be written on top of what others wrote; null where the person rather leaves it. */
async function settle(base, theirs, fields) {
  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const clashes = Object.keys(fields).filter(
    (key) => key in base && base[key] !== undefined && !isSame(base[key], theirs[key]) && !isSame(fields[key], theirs[key]),
  );
  if (clashes.length === 0) return fields;
  const { askAbout } = await import("./conflict.js");
  const chosen = await askAbout(theirs, clashes.map((field) => ({ field, mine: fields[field], theirs: theirs[field] })));
  if (chosen === null) return null;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !clashes.includes(key) || chosen.has(key)));
}

async function fresh(id) {
  const { data, etag } = await call("GET", `/tasks/${id}`);
  tags.set(id, { version: data.version, etag });
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
  keep(data, etag);
  moved();
  return data;
}

/**
 * Delete what is in the trash for good; false where it is there no longer, brought back perhaps from elsewhere while
 * somebody was asked whether they are sure. Throws Problem.
 */
export async function erase(id) {
  if (await isLive(id)) return false;
  await call("DELETE", `/tasks/${id}`, { query: { permanent: true } });
  forget(id);
  return true;
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
    if (result.status < 300 && result.body?.id) keep(result.body, null);
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

function keep(task, etag) {
  if (etag) tags.set(task.id, { version: task.version, etag });
  else tags.delete(task.id);
  note(task);
}

function note(task) {
  known.set(task.id, task);
  taskEvents.tell("task", task.id);
}

function forget(id) {
  taskEvents.tell("gone", id);
  known.delete(id);
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
