// Which mails of their tasks somebody wants: reminders and the daily digest.

import { call } from "./api.js";
import { instantOf, today } from "./dates.js";
import { fill, h } from "./dom.js";
import { field, form, input, select } from "./forms.js";
import { clock, t } from "./language.js";
import { reason, tell } from "./notices.js";
import { address } from "./router.js";
import { me } from "./session.js";

const PATH = "/me/notifications";
// Minutes before a task is due, as they are offered; what was set elsewhere is offered too.
const BEFORE = [0, 5, 15, 30, 60, 120, 1440, 2880];

export function mailsSection(signal) {
  const content = h("div", {}, h("div.spinner", { role: "img", "aria-label": t("loading") }));
  // What somebody has changed and not saved yet stays when the page is read anew.
  let isTouched = false;
  content.addEventListener("input", () => (isTouched = true));
  const load = async () => {
    try {
      const { data } = await call("GET", PATH, { signal });
      if (isTouched || content.contains(document.activeElement)) return;
      fill(content, unproved(), preferences(data, () => (isTouched = false)));
    } catch (problem) {
      if (problem.name !== "AbortError") fill(content, h("p.problem", { role: "alert" }, reason(problem)));
    }
  };
  load();
  return { content, refresh: load };
}

/** Who has not confirmed their address may wait for mails in vain, and is told so. */
function unproved() {
  if (me.get().email_verified) return null;
  return h("p.note", {}, t("mails_unverified"), " ", h("a", { href: address("settings", { section: "email" }) }, t("settings_email")));
}

function preferences({ reminders, remind_before: before, digest, digest_hour: hour }, saved) {
  const offered = [...new Set([...BEFORE, ...(before === null ? [] : [before])])].sort((one, other) => one - other);
  const ahead = select("remind_before", [["", t("mails_before_none")], ...offered.map((minutes) => [String(minutes), aheadOf(minutes)])], String(before ?? ""));
  const hours = select("digest_hour", Array.from({ length: 24 }, (_, one) => [String(one), atHour(one)]), String(hour));
  const remind = toggle("reminders", t("mails_reminders"), reminders);
  const daily = toggle("digest", t("mails_digest"), digest);
  const follow = () => {
    ahead.disabled = !remind.control.checked;
    hours.disabled = !daily.control.checked;
  };
  remind.control.addEventListener("change", follow);
  daily.control.addEventListener("change", follow);
  follow();
  const fields = [
    h("fieldset.choices", {}, h("legend", {}, t("mails_reminders_title")), remind.element, field(t("mails_before"), ahead, t("mails_before_hint"))),
    h("fieldset.choices", {}, h("legend", {}, t("mails_digest_title")), daily.element, field(t("mails_hour"), hours, t("mails_hour_hint", { zone: me.get().timezone }))),
  ];
  return form(fields, t("save"), async () => {
    const wanted = {
      reminders: remind.control.checked,
      remind_before: ahead.value === "" ? null : Number(ahead.value),
      digest: daily.control.checked,
      digest_hour: Number(hours.value),
    };
    await call("PATCH", PATH, { body: wanted });
    saved();
    tell(t("settings_saved"));
  });
}

function toggle(name, label, isOn) {
  const control = input(name, { type: "checkbox", checked: isOn, id: `mails-${name}` });
  return { control, element: h("label.check", { for: control.id }, control, h("span", {}, label)) };
}

function aheadOf(minutes) {
  if (minutes === 0) return t("mails_before_at");
  if (minutes % 1440 === 0) return t("mails_before_days", { n: minutes / 1440 });
  if (minutes % 60 === 0) return t("mails_before_hours", { n: minutes / 60 });
  return t("mails_before_minutes", { n: minutes });
}

const atHour = (hour) => clock(instantOf(today(), `${String(hour).padStart(2, "0")}:00`));
