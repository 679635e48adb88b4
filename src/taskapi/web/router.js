// Where one is: #/name?filters. It stands in the fragment, which no server or log ever sees.

import { makeStore } from "./store.js";

/** The place as the address says it: { name, params }. */
export const place = makeStore(read());

/** The address of a place; parameters that are empty are left out, lists repeat. */
export function address(name, params = {}) {
  const pairs = Object.entries(params).flatMap(([key, value]) => [value].flat().map((one) => [key, one]));
  const given = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `#/${name}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

/** Go there. `replace` leaves no step in the history, as for what is typed letter by letter. */
export function go(name, params = {}, { replace = false } = {}) {
  const to = address(name, params);
  if (to === location.hash) return;
  if (replace) {
    history.replaceState(null, "", to);
    place.set(read());
  } else {
    location.hash = to;
  }
}

/** The parameters of this place with changes, as an object; lists where a name may be repeated. */
export function paramsWith(changes = {}) {
  // The address itself: that it changed is told a moment later.
  const { params } = read();
  const now = Object.fromEntries([...new Set(params.keys())].map((key) => [key, params.getAll(key)]));
  return { ...now, ...changes };
}

/** Stay, with other parameters. */
export const adjust = (changes, options) => go(read().name, paramsWith(changes), options);

function read() {
  const [name, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: name || "list", params: new URLSearchParams(query) };
}

addEventListener("hashchange", () => place.set(read()));
