// What people do to tasks, each with its word and its undo.

import { t } from "./language.js";
import { fail, tell } from "./notices.js";
import { change, create, erase, PRIORITIES, restore, taskOf, trash, undoing } from "./tasks.js";

/** Change fields, say so as `text`, and offer to take it back. */
export async function alter(id, fields, text) {
  const title = taskOf(id)?.title ?? "";
  try {
    const before = await change(id, fields);
    if (before === null) return;
    const undo = undoing(before);
    const canUndo = Object.keys(undo).length > 0;
    tell(text ?? t("changed", { title }), { undo: canUndo ? () => change(id, undo, fields).then(said) : null });
  } catch (problem) {
    fail(problem);
  }
}

/** What is said of an undo: that it was done, or that somebody rather left things as they are. */
const said = (before) => t(before === null ? "not_undone" : "undone");

/** Done, or open again. */
export function tick(id) {
  const task = taskOf(id);
  const isDone = task.status === "done";
  return alter(id, { status: isDone ? "todo" : "done" }, t(isDone ? "reopened" : "completed", { title: task.title }));
}

/** The next priority, and after the highest none. */
export function nextPriority(id) {
  const next = PRIORITIES[(PRIORITIES.indexOf(taskOf(id).priority) + 1) % PRIORITIES.length];
  return alter(id, { priority: next }, t("priority_now", { priority: t(`priority_${next}`) }));
}

/** Put a task at a place, perhaps under another status, and offer to put it back. */
export async function put(id, fields, back, text) {
  try {
    await change(id, fields);
    tell(text, { undo: () => change(id, back, fields).then(said) });
  } catch (problem) {
    fail(problem);
  }
}

/** To the trash; the undo takes it out again. */
export async function discard(id) {
  const { title } = taskOf(id);
  try {
    await trash(id);
    tell(t("trashed", { title }), { undo: () => restore(id).then(() => t("restored", { title })) });
  } catch (problem) {
    fail(problem);
  }
}

/** Make one; the undo is the trash. Throws Problem, so that what was typed stays where it was typed. */
export async function add(fields) {
  const task = await create(fields);
  tell(t("added", { title: task.title }), { undo: () => trash(task.id).then(() => t("undone")) });
  return task;
}

export async function bringBack(id) {
  try {
    const task = await restore(id);
    tell(t("restored", { title: task.title }), { undo: () => trash(id).then(() => t("undone")) });
  } catch (problem) {
    fail(problem);
  }
}

/** For good: whoever calls it has asked. */
export async function destroy(id) {
  try {
    tell(t((await erase(id)) ? "erased" : "not_erased"));
  } catch (problem) {
    fail(problem);
  }
}
