// What is done to many tasks at once, in requests of up to a hundred, with one undo for all of it.

import { call } from "./api.js";
import { t } from "./language.js";
import { fail, tell } from "./notices.js";
import { bulk, erase, taskOf, undoing } from "./tasks.js";

const MOST = 100;
const AT_ONCE = 6;

/** Change each: `fieldsOf(task)` says how, null for one that stays. `onProgress` is told how many are through. */
export async function alterMany(ids, fieldsOf, onProgress = () => {}) {
  const operations = ids
    .map((id) => [taskOf(id), fieldsOf(taskOf(id))])
    .filter(([, fields]) => fields !== null)
    .map(([task, fields]) => ({ op: "update", id: task.id, data: fields, before: pick(task, Object.keys(fields)) }));
  await run(operations, "changed_many", onProgress, undoChanges);
}

/** To the trash, all of them. */
export async function discardMany(ids, onProgress = () => {}) {
  const operations = ids.map((id) => ({ op: "delete", id }));
  await run(operations, "trashed_many", onProgress, undoTrash);
}

/** Out of the trash, all of them. */
export async function bringBackMany(ids, onProgress = () => {}) {
  const operations = ids.map((id) => ({ op: "restore", id }));
  await run(operations, "restored_many", onProgress, undoRestore);
}

/** For good, one by one: there is no request for many. Throws Problem. */
export async function eraseMany(ids, onProgress) {
  let looked = 0;
  let done = 0;
  await inTurns(ids, async (id) => {
    looked += 1;
    try {
      if (await erase(id)) done += 1;
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    onProgress(looked, ids.length);
  });
  tell(t("emptied", { n: done }));
}

async function run(operations, word, onProgress, undo) {
  const done = [];
  let refused = null;
  try {
    for (let at = 0; at < operations.length; at += MOST) {
      onProgress(at, operations.length);
      const part = operations.slice(at, at + MOST);
      const results = await bulk(part.map(({ before: _, ...operation }) => operation));
      for (const [index, result] of results.entries()) {
        if (result.status < 300) done.push({ ...part[index], version: result.body?.version });
        else refused ??= result.body;
      }
    }
  } catch (problem) {
    fail(problem);
  }
  onProgress(null);
  if (done.length) tell(t(word, { n: done.length }), { undo: () => undo(done) });
  if (refused) tell(`${t("left_many", { n: operations.length - done.length })} ${refused.detail ?? ""}`, { isWrong: true });
}

async function undoTrash(done) {
  await inParts(done.map(({ id }) => ({ op: "restore", id })));
  return t("restored_many", { n: done.length });
}

async function undoRestore(done) {
  await inParts(done.map(({ id }) => ({ op: "delete", id })));
  return t("trashed_many", { n: done.length });
}

/** Only what nobody changed since goes back to what it was. */
async function undoChanges(done) {
  const current = await tagsOf(done);
  const untouched = done.filter(({ id, version }) => current.get(id)?.version === version);
  const operations = untouched.map(({ id, before }) => ({ op: "update", id, if_match: current.get(id).etag, data: undoing(before) }));
  const results = await inParts(operations);
  const undone = results.filter((result) => result.status < 300).length;
  const left = done.length - undone;
  return left ? `${t("undone_many", { n: undone })} ${t("left_many", { n: left })}` : t("undone_many", { n: undone });
}

async function inParts(operations) {
  const results = [];
  for (let at = 0; at < operations.length; at += MOST) results.push(...(await bulk(operations.slice(at, at + MOST))));
  return results;
}

async function tagsOf(done) {
  const found = new Map();
  await inTurns(done, async ({ id }) => {
    try {
      const { data, etag } = await call("GET", `/tasks/${id}`);
      found.set(id, { version: data.version, etag });
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
  });
  return found;
}

/** Do something for each, a few at a time. */
async function inTurns(all, act) {
  const waiting = [...all].reverse();
  const work = async () => {
    while (waiting.length) await act(waiting.pop());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const pick = (task, names) => Object.fromEntries(names.map((name) => [name, task[name]]));
