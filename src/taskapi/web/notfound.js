// A place that there is not.

import { fill, h } from "./dom.js";
import { t } from "./language.js";
import { address } from "./router.js";

export const title = () => t("not_found_title");

export async function open(root) {
  fill(root, h("div.empty.whole", {}, h("h1", {}, t("not_found_title")), h("p", {}, t("not_found")), h("a.button.main", { href: address("list") }, t("all_tasks"))));
  return {};
}
