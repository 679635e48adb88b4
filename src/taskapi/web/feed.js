// A list of the API, page by page, kept as the server has it.

import { call } from "./api.js";
import { makeEvents } from "./store.js";

export const PAGE = 200;

/**
 * Walks a list. `take` turns the items of a page into what is kept of each; `ids` are those in their order.
 * Tells `changed` whenever they are others, `loading` when it begins and ends to load.
 */
export class Feed {
  constructor(path, query, take, { page = PAGE, count = true } = {}) {
    Object.assign(this, { path, query, take, page, count });
    this.ids = [];
    this.total = null;
    this.isComplete = false;
    this.isLoading = false;
    this.events = makeEvents();
    this.cursor = null;
    this.tag = null;
    this.stop = new AbortController();
    this.again = null;
  }

  /** The first page; throws Problem. */
  async start() {
    await this.#load(null);
  }

  /** The next page, unless one is on its way or there is none. */
  async more() {
    if (this.isLoading || this.isComplete || !this.cursor) return;
    await this.#load(this.cursor);
  }

  /**
   * Ask whether anything is another, and read anew as far as was read. Calls while that is on its way are one more
   * call after it.
   */
  async refresh() {
    if (this.isLoading) {
      this.again = true;
      return;
    }
    this.isLoading = true;
    try {
      do {
        this.again = false;
        await this.#reread();
      } while (this.again);
    } finally {
      this.isLoading = false;
    }
    this.events.tell("loading");
  }

  /** Put ids in this order at once, before the server says the same. */
  show(ids) {
    this.ids = ids;
    this.events.tell("changed");
  }

  /** Nobody looks any more. */
  end() {
    this.stop.abort(new DOMException("nobody waits for it", "AbortError"));
  }

  async #load(cursor) {
    this.isLoading = true;
    this.events.tell("loading");
    try {
      const answer = await this.#page(cursor);
      this.#accept(answer, cursor ? this.ids : []);
    } finally {
      this.isLoading = false;
      this.events.tell("loading");
    }
    if (this.again) await this.refresh();
  }

  async #reread() {
    const wanted = this.ids.length;
    const first = await this.#page(null, this.tag);
    if (first.status === 304) return;
    let answer = first;
    let ids = this.#ids(answer, []);
    while (ids.length < wanted && answer.data.next_cursor) {
      answer = await this.#page(answer.data.next_cursor);
      ids = this.#ids(answer, ids);
    }
    this.tag = first.etag;
    this.total = first.data.total ?? null;
    this.#settle(ids, answer.data.next_cursor);
  }

  #page(cursor, known) {
    const query = { ...this.query, limit: this.page, ...(cursor ? { cursor } : this.count ? { count: true } : {}) };
    return call("GET", this.path, { query, known, signal: this.stop.signal });
  }

  #accept(answer, before) {
    if (!before.length) {
      this.tag = answer.etag;
      this.total = answer.data.total ?? null;
    }
    this.#settle(this.#ids(answer, before), answer.data.next_cursor);
  }

  /** One that moved while its list was walked may come twice; it is where it was first. */
  #ids(answer, before) {
    return [...new Set([...before, ...this.take(answer.data.items)])];
  }

  #settle(ids, cursor) {
    this.ids = ids;
    this.cursor = cursor;
    this.isComplete = !cursor;
    this.events.tell("changed");
  }
}
