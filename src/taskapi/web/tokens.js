// Personal tokens, for scripts and the terminal.

import { call } from "./api.js";
import { ask, confirm } from "./dialog.js";
import { instantOf, inZone, plusDays, today } from "./dates.js";
import { fill, h } from "./dom.js";
import { field, form, input, select } from "./forms.js";
import { ago, day, t } from "./language.js";
import { firstLoad, refill } from "./loading.js";
import { fail, tell } from "./notices.js";

const DAYS = ["30", "90", "365", ""];

export function tokensSection(signal) {
  const list = h("ul.plain");
  const read = async () => {
    const { data } = await call("GET", "/me/tokens", { signal });
    const lines = data.items.length ? data.items.map((token) => line(token, load)) : nothing();
    refill(list, lines, () => list.closest("section").querySelector("h2"));
  };
  const load = () => read().catch(fail);
  const state = h("div.state");
  firstLoad(state, read);
  const make = h("button.main", { type: "button", onclick: () => makeToken(load) }, t("tokens_make"));
  return { content: [h("p.lead", {}, t("tokens_lead")), state, list, h("div.acts", {}, make)], refresh: load };
}

const nothing = () => h("li.nothing", {}, h("p", {}, t("tokens_none")), h("code", {}, "taskapi task login"));

function line(token, load) {
  const used = token.last_used_at ? t("tokens_used", { when: ago(token.last_used_at) }) : t("tokens_unused");
  const until = token.expires_at ? t("tokens_until", { when: day(inZone(token.expires_at)[0], today()) }) : t("tokens_for_good");
  const scope = t(token.scopes.includes("tasks:write") ? "tokens_scope_write" : "tokens_scope_read");
  const given = { type: "button", "aria-label": t("tokens_revoke_one", { name: token.name }), dataset: { of: token.id } };
  return h("li.line", {}, [
    h("div.what", {}, [
      h("span.name", { dir: "auto" }, token.name),
      h("span.hint", {}, h("code", {}, `${token.prefix}…`), ` · ${scope}`),
      h("span.hint", {}, `${until} · ${used}`),
    ]),
    h("button.quiet.danger", { ...given, onclick: () => revokeToken(token, load) }, t("tokens_revoke")),
  ]);
}

async function makeToken(load) {
  const made = await ask(t("tokens_make"), (close) => [
    h("h2", {}, t("tokens_make")),
    form(
      [
        field(t("field_name"), input("name", { required: true, maxlength: 100, placeholder: t("tokens_name_hint"), dir: "auto", autofocus: true })),
        field(t("tokens_scope"), select("scope", [["write", t("tokens_scope_write")], ["read", t("tokens_scope_read")]], "write")),
        field(t("tokens_expiry"), select("days", DAYS.map((days) => [days, days ? t("tokens_days", { n: Number(days) }) : t("tokens_for_good")]), "90")),
      ],
      t("tokens_make"),
      async (values) => {
        const { data } = await call("POST", "/me/tokens", { body: wanted(values) });
        close(data);
      },
      { after: h("button", { type: "button", onclick: () => close() }, t("cancel")) },
    ),
  ]);
  if (!made) return;
  await showToken(made);
  await load();
}

function wanted({ name, scope, days }) {
  const scopes = scope === "write" ? ["tasks:read", "tasks:write"] : ["tasks:read"];
  return { name, scopes, expires_at: days ? instantOf(plusDays(today(), Number(days)), "23:59") : null };
}

/** The one time that a token can be seen. */
function showToken({ name, token }) {
  return ask(
    t("tokens_made", { name }),
    (close) => {
      const shown = input("token", { value: token, readonly: true, dir: "ltr", "aria-label": t("tokens_token"), autofocus: true });
      shown.addEventListener("focus", () => shown.select());
      // Said within the dialog: what lies behind it is still, for screen readers too.
      const said = h("p.hint.said", { role: "status" });
      const copy = h("button", { type: "button", onclick: () => copyFrom(shown, said) }, t("tokens_copy"));
      return [
        h("h2", {}, t("tokens_made", { name })),
        h("p", {}, t("tokens_once")),
        h("div.with-copy", {}, shown, copy),
        said,
        h("div.acts", {}, h("button.main", { type: "button", onclick: () => close() }, t("tokens_kept"))),
      ];
    },
    { mustAnswer: true },
  );
}

async function copyFrom(shown, said) {
  try {
    await navigator.clipboard.writeText(shown.value);
    fill(said, t("tokens_copied"));
  } catch {
    // Selecting moves the focus to the field, where the keys to copy are pressed.
    shown.select();
    fill(said, t("tokens_copy_by_hand"));
  }
}

async function revokeToken({ id, name }, load) {
  if (!(await confirm(t("tokens_revoke_title", { name }), t("tokens_revoke_sure"), t("tokens_revoke")))) return;
  try {
    await call("DELETE", `/me/tokens/${id}`);
    tell(t("tokens_revoked", { name }));
  } catch (problem) {
    if (problem.status !== 404) fail(problem);
  }
  await load();
}
