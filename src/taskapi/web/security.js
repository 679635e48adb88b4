// The two things that open the account: password and address.

import { call } from "./api.js";
import { h } from "./dom.js";
import { field, form, input, password } from "./forms.js";
import { t } from "./language.js";
import { tell } from "./notices.js";
import { me } from "./session.js";

export function passwordSection() {
  const fields = [
    h("input", { type: "text", autocomplete: "username", value: me.get().email, hidden: true, "aria-hidden": "true", tabindex: "-1" }),
    password("current_password", t("field_current_password"), "current-password"),
    password("new_password", t("field_new_password"), "new-password", t("password_hint")),
  ];
  const made = form(fields, t("settings_password_save"), async ({ current_password, new_password }, sent) => {
    await call("POST", "/me/password", { body: { current_password, new_password } });
    sent.reset();
    tell(t("settings_password_saved"));
  });
  return { content: [h("p.lead", {}, t("settings_password_lead")), made] };
}

export function emailSection() {
  const fields = [
    field(t("settings_email_new"), input("email", { type: "email", autocomplete: "email", required: true, dir: "ltr" })),
    password("password", t("field_current_password"), "current-password"),
  ];
  const made = form(fields, t("settings_email_save"), async (values, sent) => {
    await call("POST", "/me/email", { body: values });
    sent.replaceWith(h("p.note", { role: "status" }, t("settings_email_saved", { email: values.email })));
  });
  const { email, email_verified: isVerified } = me.get();
  return { content: [h("p.lead", {}, t(isVerified ? "settings_email_now" : "settings_email_unverified", { email })), made] };
}
