// Which tasks are selected: one by one, or from one to another.

import { makeEvents } from "./store.js";

/** A selection over a list; `idsOf` gives its ids in order. Tells `changed`. */
export function makeSelection(idsOf) {
  const chosen = new Set();
  const events = makeEvents();
  let anchor = null;
  const changed = () => events.tell("changed");
  return {
    events,
    ids: () => idsOf().filter((id) => chosen.has(id)),
    has: (id) => chosen.has(id),
    size: () => chosen.size,
    toggle(id) {
      if (!chosen.delete(id)) chosen.add(id);
      anchor = id;
      changed();
    },
    /** From where the last one was chosen to here. */
    extend(id) {
      const ids = idsOf();
      const [from, to] = [Math.max(ids.indexOf(anchor), 0), ids.indexOf(id)].sort((one, other) => one - other);
      for (const one of ids.slice(from, to + 1)) chosen.add(one);
      changed();
    },
    all() {
      for (const id of idsOf()) chosen.add(id);
      changed();
    },
    clear() {
      if (!chosen.size) return;
      chosen.clear();
      anchor = null;
      changed();
    },
    /** Forget those that the list no longer has. */
    tidy() {
      const ids = new Set(idsOf());
      const gone = [...chosen].filter((id) => !ids.has(id));
      for (const id of gone) chosen.delete(id);
      if (gone.length) changed();
    },
  };
}
