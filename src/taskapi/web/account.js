// The end of an account, with fourteen days to think.

import { call } from "./api.js";
import { h } from "./dom.js";
import { confirm } from "./dialog.js";
import { form, password } from "./forms.js";
import { t } from "./language.js";
import { leave } from "./session.js";

export function accountSection() {
  const made = form(
    [password("password", t("field_current_password"), "current-password")],
    t("settings_delete"),
    async (values) => {
      if (!(await confirm(t("settings_delete_title"), t("settings_delete_sure"), t("settings_delete")))) return;
      await call("DELETE", "/me", { body: values });
      leave("account_going");
    },
    { isDanger: true },
  );
  return { content: [h("p.lead", {}, t("settings_delete_lead")), made] };
}
