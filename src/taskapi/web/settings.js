// The person's own account, section by section.

import { fill, h } from "./dom.js";
import { t } from "./language.js";
import { accountSection } from "./account.js";
import { dataSection } from "./data.js";
import { limitsSection } from "./limits.js";
import { mailsSection } from "./mails.js";
import { profileSection } from "./profile.js";
import { address } from "./router.js";
import { emailSection, passwordSection } from "./security.js";
import { sessionsSection } from "./sessions.js";
import { tokensSection } from "./tokens.js";

// Each makes { content, refresh? }.
const SECTIONS = {
  profile: profileSection,
  mails: mailsSection,
  password: passwordSection,
  email: emailSection,
  sessions: sessionsSection,
  data: dataSection,
  tokens: tokensSection,
  limits: limitsSection,
  account: accountSection,
};

export const title = () => t("settings_title");

export async function open(root, { params, signal }) {
  const nav = h("nav.tabs", { "aria-label": title() });
  const body = h("div.section");
  let shown = null;
  fill(root, h("header.bar", {}, h("h1.title", {}, title())), h("div.settings", {}, nav, body));
  const show = (now) => {
    const name = now.get("section") in SECTIONS ? now.get("section") : "profile";
    const links = Object.keys(SECTIONS).map((one) => h("a", { href: address("settings", { section: one }), "aria-current": one === name ? "page" : null }, t(`settings_${one}`)));
    fill(nav, links);
    shown = SECTIONS[name](signal);
    fill(body, h("section.card", { "aria-labelledby": "section-title" }, h("h2", { id: "section-title", tabindex: "-1" }, t(`settings_${name}`)), shown.content));
  };
  show(params);
  return {
    refresh: () => shown.refresh?.(),
    update(now) {
      show(now);
      body.querySelector("h2").focus({ preventScroll: true });
    },
  };
}
