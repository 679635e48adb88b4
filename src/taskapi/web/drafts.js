// What was typed and not saved yet: it outlives a reload of its tab, and is shown to nobody but who typed it.

import { me } from "./session.js";

const PREFIX = "taskapi.draft.";

const keyOf = (name) => `${PREFIX}${me.get().id}.${name}`;

/** What is kept under a name, or null. */
export const draftOf = (name) => sessionStorage.getItem(keyOf(name));

/** Keep a text under a name, in this tab. */
export const keepDraft = (name, text) => sessionStorage.setItem(keyOf(name), text);

export const dropDraft = (name) => sessionStorage.removeItem(keyOf(name));
