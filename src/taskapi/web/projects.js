// The person's projects and labels, as lists to choose from.

import { call } from "./api.js";
import { tellOthers } from "./access.js";
import { makeStore } from "./store.js";

/** All projects that are not archived, in their order. */
export const projects = makeStore([]);
/** All projects, archived too. */
export const allProjects = makeStore([]);
/** The labels in use: { name, count }. */
export const labels = makeStore([]);

export const COLORS = ["#0f766e", "#2563eb", "#7c3aed", "#be185d", "#b91c1c", "#b45309", "#4d7c0f", "#475569"];

const tags = new Map();

export const projectOf = (id) => allProjects.get().find((project) => project.id === id) ?? null;

/** Read both anew, where they are others. */
export async function refreshChoices() {
  await Promise.all([
    readInto("/projects", { limit: 200 }, (found) => {
      allProjects.set(found);
      projects.set(found.filter((project) => !project.archived));
    }),
    readInto("/labels", {}, (found) => labels.set(found)),
  ]);
}

async function readInto(path, query, keep) {
  const { status, data, etag } = await call("GET", path, { query, known: tags.get(path) });
  if (status === 304) return;
  tags.set(path, etag);
  keep(data.items);
}

/** Throws Problem. */
export async function createProject(fields) {
  const { data } = await call("POST", "/projects", { body: fields });
  await changed();
  return data;
}

/** Throws Problem. */
export async function changeProject(id, fields) {
  const { data } = await call("PATCH", `/projects/${id}`, { body: fields });
  await changed();
  return data;
}

/** `tasks` says where its tasks go: trash or inbox. Throws Problem. */
export async function deleteProject(id, tasks) {
  await call("DELETE", `/projects/${id}`, { query: { tasks } });
  await changed();
}

/** Throws Problem. */
export async function renameLabel(from, to) {
  await call("POST", "/labels/rename", { body: { from, to } });
  await changed();
}

async function changed() {
  tellOthers();
  await refreshChoices();
}
