// The way in: sign in, register, and the mail for who forgot the password.

import { callOpen, connection } from "./api.js";
import { accessEvents } from "./access.js";
import { ask } from "./dialog.js";
import { fill, h } from "./dom.js";
import { field, form, input, password } from "./forms.js";
import { icon } from "./icons.js";
import { language, t } from "./language.js";
import { connectionWord } from "./notices.js";
import { address, go } from "./router.js";
import { leave, me, signIn } from "./session.js";

// Says that the server is away, while it is.
const banner = h("p.note.away", { role: "status", hidden: true });
connection.watch((now) => {
  banner.hidden = now.state === "here";
  if (!banner.hidden) fill(banner, connectionWord(now));
});

const SCREENS = { register, forgot };

/** Show the screen of this name, or the log-in; `note` is said above it. */
export function showSignIn(root, name, note, before = null) {
  const shown = SCREENS[name] ? name : "sign-in";
  if (before === shown) return shown;
  const [title, lead, content] = (SCREENS[shown] ?? entry)();
  document.title = `${title} · taskapi`;
  fill(
    root,
    h("main.way-in", {}, [
      h("div.brand", {}, mark(), h("span", {}, "taskapi")),
      h("div.card", {}, [
        banner,
        note && h("p.note", { role: "status" }, t(note)),
        h("h1", {}, title),
        lead && h("p.lead", {}, lead),
        h("div.content", {}, content),
      ]),
    ]),
  );
  root.querySelector("input")?.focus();
  return shown;
}

/** Ask somebody whose session is over for the password, on top of what they were doing: nothing of it is lost. */
export async function signInAgain() {
  const { email } = me.get();
  await ask(
    t("again_title"),
    (close, dialog) => {
      accessEvents.on("regained", () => close());
      dialog.classList.add("again");
      const signing = form([addressField(email), password("password", t("field_password"), "current-password")], t("sign_in"), async (values) => {
        await signIn(values.email, values.password);
        close();
      });
      signing.elements.password.setAttribute("autofocus", "");
      const away = h("button.link", { type: "button", onclick: () => leave(null) }, t("again_leave"));
      return [h("h2", {}, t("again_title")), h("p", {}, t("again_lead")), signing, away];
    },
    { mustAnswer: true },
  );
}

function entry() {
  const made = form([addressField(), password("password", t("field_password"), "current-password")], t("sign_in"), async (values) => {
    await signIn(values.email, values.password);
  });
  return [t("sign_in"), null, [made, ways(["register", t("register_ask")], ["forgot", t("forgot_ask")])]];
}

function register() {
  const fields = [
    addressField(),
    password("password", t("field_password"), "new-password", t("password_hint")),
    field(`${t("field_name")} (${t("optional")})`, input("name", { autocomplete: "name", maxlength: 100, dir: "auto" })),
  ];
  const made = form(fields, t("register"), async ({ email, password: secret, name }) => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const spoken = language().startsWith("qps") ? "en" : language();
    await callOpen("POST", "/auth/register", { email, password: secret, name, language: spoken, timezone: timeZone });
    try {
      await signIn(email, secret);
      go("list", {}, { replace: true });
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      finish(made, t("register_done", { email }));
    }
  });
  return [t("register"), t("register_lead"), [made, ways(["sign-in", t("sign_in_ask")])]];
}

function forgot() {
  const made = form([addressField()], t("forgot_send"), async ({ email }) => {
    await callOpen("POST", "/auth/password/forgot", { email });
    finish(made, t("forgot_done"));
  });
  return [t("forgot"), t("forgot_lead"), [made, ways(["sign-in", t("sign_in_ask")])]];
}

function addressField(known = "") {
  return field(t("field_email"), input("email", { type: "email", autocomplete: "username", required: true, dir: "ltr", value: known, readonly: Boolean(known) }));
}

const ways = (...links) => h("p.ways", {}, links.map(([name, text]) => h("a", { href: address(name) }, text)));

function finish(made, text) {
  const done = h("p.note", { tabindex: "-1" }, text);
  made.replaceWith(done);
  done.focus();
}

/** The sign of the service. */
export const mark = () => h("span.mark", { "aria-hidden": "true" }, icon("check"));
