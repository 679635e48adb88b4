// Something that is told when it changes: the whole of the page's state management.

/** A value that others can watch. */
export function makeStore(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    /** Be told of every change; the answer ends that. */
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

/** Named events, for what is no value: `on` answers with what ends it. */
export function makeEvents() {
  const listeners = new Map();
  return {
    on(name, listener) {
      if (!listeners.has(name)) listeners.set(name, new Set());
      listeners.get(name).add(listener);
      return () => listeners.get(name).delete(listener);
    },
    tell(name, ...what) {
      for (const listener of [...(listeners.get(name) ?? [])]) listener(...what);
    },
  };
}
