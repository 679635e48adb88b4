// The description of a task: read as Markdown, written as text; a draft outlives a closed tab.

import { draftOf, dropDraft, keepDraft } from "./drafts.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { markdown } from "./markdown.js";

const LONGEST = 20_000;

/** The field; `save(text)` is called when a changed text is left. */
export function describe(id, save) {
  let saved = "";
  const reading = h("div.prose", { dir: "auto" });
  const writing = h("textarea", { rows: "8", maxlength: LONGEST, "aria-label": t("field_description"), dir: "auto", hidden: true });
  const hint = h("p.hint", { hidden: true }, t("markdown_hint"));
  const button = h("button.quiet", { type: "button", "aria-expanded": "false" }, icon("edit"), h("span", {}, t("edit")));
  const element = h("section.description", { "aria-labelledby": `about-${id}` }, h("div.section-bar", {}, h("h3", { id: `about-${id}` }, t("field_description")), button), reading, writing, hint);

  const toggle = (isWriting) => {
    writing.hidden = hint.hidden = !isWriting;
    reading.hidden = isWriting;
    button.setAttribute("aria-expanded", String(isWriting));
    fill(button, icon(isWriting ? "check" : "edit"), h("span", {}, isWriting ? t("done_writing") : t("edit")));
  };
  const draw = () => fill(reading, saved ? markdown(saved) : h("p.hint", {}, t("no_description")));
  const begin = () => {
    writing.value = draftOf(id) ?? saved;
    toggle(true);
    writing.focus();
  };
  const end = () => {
    if (writing.hidden) return;
    toggle(false);
    dropDraft(id);
    if (writing.value === saved) return;
    saved = writing.value;
    draw();
    save(saved);
  };
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => (writing.hidden ? begin() : end()));
  reading.addEventListener("dblclick", begin);
  writing.addEventListener("input", () => keepDraft(id, writing.value));
  writing.addEventListener("blur", end);
  writing.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" && !(event.key === "Enter" && (event.ctrlKey || event.metaKey))) return;
    event.stopPropagation();
    end();
    button.focus();
  });
  return {
    element,
    show(text) {
      saved = text;
      draw();
      if (writing.hidden && (draftOf(id) ?? saved) !== saved) begin();
    },
  };
}
