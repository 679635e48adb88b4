// Dialogs: the browser's own, so that focus, Escape and what lies behind are as they should be.

import { fill, h, keepFocus } from "./dom.js";
import { t } from "./language.js";

/**
 * Show a dialog and wait for its answer: what `close` is called with, or null where it is left by Escape or a click
 * beside it. `make(close)` gives what it holds.
 */
export function ask(label, make, { kind = "", mustAnswer = false } = {}) {
  return new Promise((resolve) => {
    const giveFocusBack = keepFocus();
    let answer = null;
    const close = (given = null) => {
      answer = given;
      dialog.close();
    };
    const dialog = h(`dialog${kind && `.${kind}`}`, { "aria-label": label });
    fill(dialog, make(close, dialog));
    dialog.addEventListener("cancel", (event) => {
      if (mustAnswer) event.preventDefault();
    });
    dialog.addEventListener("mousedown", (event) => {
      if (event.target === dialog && !mustAnswer) close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      giveFocusBack();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Whether the person is sure. `act` is the word on the button that does it. */
export function confirm(title, text, act, { isDanger = true } = {}) {
  return ask(title, (close) => [
    h("h2", {}, title),
    text && h("p", {}, text),
    h("div.acts", {}, [
      h("button", { type: "button", autofocus: true, onclick: () => close(null) }, t("cancel")),
      h(`button.${isDanger ? "danger" : "main"}`, { type: "button", onclick: () => close(true) }, act),
    ]),
  ]);
}

/** Whether a dialog is open, so that shortcuts of the page keep still. */
export const isAsking = () => document.querySelector("dialog[open]") !== null;
