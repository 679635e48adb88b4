// Name, language and time zone; and how the page looks in this browser.

import { call } from "./api.js";
import { draftOf, dropDraft, keepDraft } from "./drafts.js";
import { h } from "./dom.js";
import { field, form, input, select } from "./forms.js";
import { choose, language, languages, t } from "./language.js";
import { tell } from "./notices.js";
import { know, me } from "./session.js";
import { setTheme, theme } from "./theme.js";

const CHOICE = "taskapi.language";
const DRAFT = "profile";
// Mails are written in these; the page has its own list.
const MAIL_LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", pt: "Português", ar: "العربية" };

export function profileSection() {
  const form = account();
  return { content: [form, h("h3.apart", {}, t("settings_browser")), browser(form)] };
}

function account() {
  const { name, language: spoken, timezone } = { ...me.get(), ...JSON.parse(draftOf(DRAFT)) };
  dropDraft(DRAFT);
  const options = Object.entries({ ...(spoken in MAIL_LANGUAGES ? {} : { [spoken]: spoken }), ...MAIL_LANGUAGES });
  const zones = h("datalist", { id: "zones" }, Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })));
  const fields = [
    field(t("field_name"), input("name", { value: name, maxlength: 100, autocomplete: "name", dir: "auto" })),
    field(t("field_language"), select("language", options, spoken), t("settings_language_hint")),
    field(t("field_timezone"), input("timezone", { value: timezone, list: "zones", required: true, dir: "ltr" }), t("settings_timezone_hint")),
    zones,
  ];
  return form(fields, t("save"), async (values) => {
    const before = language();
    const { data } = await call("PATCH", "/me", { body: values });
    await know(data);
    if (language() === before) tell(t("settings_saved"));
    else location.reload();
  });
}

/** What this browser alone remembers. The page begins anew in another language, with what is typed in `form` kept. */
function browser(form) {
  const shown = select("theme", ["system", "light", "dark"].map((one) => [one, t(`settings_theme_${one}`)]), theme());
  shown.addEventListener("change", () => setTheme(shown.value));
  const spoken = select("page_language", [["", t("settings_as_account")], ...Object.entries(languages)], localStorage.getItem(CHOICE) ?? "");
  spoken.addEventListener("change", () => {
    choose(spoken.value || null);
    keepDraft(DRAFT, JSON.stringify(Object.fromEntries(new FormData(form))));
    location.reload();
  });
  return h("div.pair", {}, field(t("settings_theme"), shown), field(t("settings_page_language"), spoken));
}
