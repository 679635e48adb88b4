// Cards dragged by mouse, pen or finger; a finger lifts one by resting on it, so that the page can still be scrolled.

const SLACK_PX = 6;
const REST_MS = 300;
const EDGE_PX = 48;

/** Have the cards of a board dragged. */
export function liftByPointer(board) {
  board.element.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card");
    if (!card || event.button !== 0 || event.target.closest(".tick") || board.lifted) return;
    new Drag(board, card, event);
  });
  // A browser asks where moves of a finger may be stopped before the finger is there; the card below stops them.
  board.element.addEventListener("touchmove", () => {}, { passive: false });
}

class Drag {
  constructor(board, card, event) {
    Object.assign(this, { board, id: card.dataset.id, start: event, ghost: null });
    this.stop = new AbortController();
    const { signal } = this.stop;
    addEventListener("pointermove", (moved) => this.#moved(moved), { signal });
    addEventListener("pointerup", () => this.#end(true), { signal });
    addEventListener("pointercancel", () => this.#end(false), { signal });
    addEventListener("keydown", (key) => key.key === "Escape" && this.#end(false), { signal });
    // Moves of a finger go to the card that it was on first, also when that has been drawn anew elsewhere.
    card.addEventListener("touchmove", (touch) => this.ghost && touch.preventDefault(), { signal, passive: false });
    // A finger that moves at once means to scroll; one that rests means the card.
    if (event.pointerType === "touch") this.rest = setTimeout(() => this.#lift(event), REST_MS);
  }

  #moved(event) {
    if (event.pointerId !== this.start.pointerId) return;
    const far = Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY) > SLACK_PX;
    if (!this.ghost && this.start.pointerType === "touch") {
      if (far) this.#end(false);
      return;
    }
    if (!this.ghost && far) this.#lift(event);
    if (this.ghost) this.#carry(event);
  }

  #lift(event) {
    const card = this.board.card(this.id);
    if (!card) return this.#end(false);
    const box = card.getBoundingClientRect();
    this.from = this.board.placeOf(this.id);
    this.neighbours = this.board.neighboursOf(this.id);
    this.offset = [this.start.clientX - box.left, this.start.clientY - box.top];
    this.board.lifted = this.id;
    this.ghost = card.cloneNode(true);
    this.ghost.classList.add("ghost");
    this.ghost.removeAttribute("data-id");
    this.ghost.style.setProperty("inline-size", `${box.width}px`);
    card.classList.add("lifted");
    document.body.append(this.ghost);
    document.body.classList.add("dragging");
    this.#carry(event);
  }

  #carry(event) {
    const [x, y] = [event.clientX - this.offset[0], event.clientY - this.offset[1]];
    this.ghost.style.setProperty("transform", `translate(${x}px, ${y}px)`);
    const under = document.elementFromPoint(event.clientX, event.clientY)?.closest(".column")?.querySelector(".cards");
    this.#scroll(event, under);
    if (!under) return;
    const others = [...under.querySelectorAll(".card")].filter((card) => card.dataset.id !== this.id);
    const at = others.findIndex((card) => {
      const box = card.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    const to = { status: under.dataset.status, at: at < 0 ? others.length : at };
    const now = this.board.placeOf(this.id);
    if (now.status !== to.status || now.at !== to.at) this.board.show(this.id, to);
  }

  /** Near an edge what lies below moves on. */
  #scroll(event, column) {
    for (const area of [column, this.board.element]) {
      const box = area?.getBoundingClientRect();
      if (!box) continue;
      if (event.clientY < box.top + EDGE_PX) area.scrollTop -= EDGE_PX / 4;
      if (event.clientY > box.bottom - EDGE_PX) area.scrollTop += EDGE_PX / 4;
      if (event.clientX < box.left + EDGE_PX) area.scrollLeft -= EDGE_PX / 4;
      if (event.clientX > box.right - EDGE_PX) area.scrollLeft += EDGE_PX / 4;
    }
  }

  #end(isDropped) {
    clearTimeout(this.rest);
    this.stop.abort();
    if (!this.ghost) return;
    this.ghost.remove();
    document.body.classList.remove("dragging");
    this.board.lifted = null;
    this.board.card(this.id)?.classList.remove("lifted");
    // The click that follows the release is part of the drag.
    this.board.wasDragged = true;
    setTimeout(() => (this.board.wasDragged = false), 0);
    if (isDropped) this.board.settle(this.id, this.from, this.neighbours);
    else this.board.show(this.id, this.from);
  }
}
