// A list of which only what can be seen is in the document, however long it is.

import { h } from "./dom.js";

// Rows beyond the edges, so that scrolling meets no gap.
const MARGIN = 12;

/** Rows of one height, of which those in sight are made by `make(id, index)`. */
export class WindowedList {
  constructor(scroller, label, make) {
    Object.assign(this, { scroller, make, ids: [], rows: new Map(), stale: new Set(), height: 48, kept: null });
    this.list = h("ul.rows", { "aria-label": label });
    scroller.append(this.list);
    scroller.addEventListener("scroll", () => this.#later(), { passive: true });
    this.sizes = new ResizeObserver(() => this.#later());
    this.sizes.observe(scroller);
  }

  /** Show these in this order. */
  show(ids) {
    this.ids = ids;
    this.draw();
  }

  /** Make a row anew when it is next drawn. */
  spoil(id) {
    this.stale.add(id);
    this.#later();
  }

  /** Make all of them anew. */
  spoilAll() {
    for (const id of this.rows.keys()) this.stale.add(id);
    this.draw();
  }

  /** The row of an id, if it is in the document. */
  row(id) {
    return this.rows.get(id) ?? null;
  }

  /** Scroll just so far that a row is in sight, and draw it. */
  reveal(index) {
    const top = index * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
    this.draw();
  }

  draw() {
    this.height = parseFloat(getComputedStyle(this.list).getPropertyValue("--row")) || 48;
    this.list.style.setProperty("block-size", `${this.ids.length * this.height}px`);
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(Math.floor(scrollTop / this.height) - MARGIN, 0);
    const last = Math.min(Math.ceil((scrollTop + clientHeight) / this.height) + MARGIN, this.ids.length);
    const wanted = new Set(this.ids.slice(first, last));
    for (const [id, row] of this.rows) if (!wanted.has(id) && id !== this.kept) this.#drop(id, row);
    let before = null;
    for (let index = first; index < last; index += 1) before = this.#place(this.ids[index], index, before);
  }

  end() {
    this.sizes.disconnect();
  }

  /** The row of an id, made where there is none, after the one before it: Tab and screen readers go by that order. */
  #place(id, index, before) {
    let row = this.rows.get(id);
    const isStale = this.stale.delete(id);
    if (!row || (isStale && id !== this.kept)) {
      const fresh = this.make(id, index);
      if (row) this.#exchange(row, fresh);
      row = fresh;
      this.rows.set(id, row);
    } else if (isStale) {
      this.stale.add(id);
    }
    row.style.setProperty("inset-block-start", `${index * this.height}px`);
    row.setAttribute("aria-posinset", String(index + 1));
    const next = before ? before.nextElementSibling : this.list.firstElementChild;
    if (next !== row) this.#insert(row, next);
    return row;
  }

  /** Moving a row in the document takes the focus from it; it gets it back. */
  #insert(row, next) {
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    this.list.insertBefore(row, next);
    focused?.focus({ preventScroll: true });
  }

  /** Another row in place of one, with the focus where it was. */
  #exchange(old, fresh) {
    const action = old.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    old.replaceWith(fresh);
    if (action) fresh.querySelector(`[data-action="${action}"]`)?.focus({ preventScroll: true });
  }

  #drop(id, row) {
    row.remove();
    this.rows.delete(id);
    this.stale.delete(id);
  }

  #later() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      if (this.list.isConnected) this.draw();
    });
  }
}
