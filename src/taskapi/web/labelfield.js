// The labels of a task, added and taken away one by one.

import { fill, h } from "./dom.js";
import { field, input } from "./forms.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { say } from "./notices.js";

/** The field; `save(labels)` is called with all of them after each change. */
export function labelField(save) {
  let names = [];
  const chips = h("ul.chips", { "aria-label": t("field_labels") });
  const line = input("label", { list: "all-labels", maxlength: 40, placeholder: t("add_label"), dir: "auto" });
  const element = field(t("field_labels"), line);
  element.classList.add("labels-field");
  line.before(chips);

  const add = () => {
    const name = line.value.trim().replace(/^#/, "");
    line.value = "";
    if (!name || names.some((one) => one.toLowerCase() === name.toLowerCase())) return;
    say(t("label_added", { name }));
    set([...names, name]);
  };
  const remove = (name) => {
    say(t("label_removed", { name }));
    set(names.filter((one) => one !== name));
    line.focus();
  };
  const set = (next) => {
    draw(next);
    save(next);
  };
  const draw = (next) => {
    names = next;
    chips.hidden = !names.length;
    fill(chips, names.map((name) => h("li.chip", {}, h("span", { dir: "auto" }, name), h("button.bare", { type: "button", "aria-label": t("remove_label", { name }), onclick: () => remove(name) }, icon("close")))));
  };
  line.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      add();
    } else if (event.key === "Backspace" && !line.value && names.length) {
      remove(names.at(-1));
    }
  });
  line.addEventListener("change", add);
  return { element, show: draw };
}
