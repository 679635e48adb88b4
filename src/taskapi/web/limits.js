// What is limited, and how much of it is left.

import { call } from "./api.js";
import { fill, h } from "./dom.js";
import { has, number, t } from "./language.js";
import { firstLoad } from "./loading.js";
import { fail } from "./notices.js";

const UNITS = [[86_400, "settings_days"], [3600, "settings_hours"], [60, "settings_minutes"], [1, "settings_seconds"]];

export function limitsSection(signal) {
  const [state, lead, list] = [h("div.state"), h("p.lead"), h("ul.limits")];
  const load = async () => {
    const { data } = await call("GET", "/me/limits", { signal });
    fill(lead, t(data.policies.length ? "settings_limits_lead" : "settings_limits_none"));
    fill(list, data.policies.map(line));
  };
  firstLoad(state, load);
  return { content: [lead, state, list], refresh: () => load().catch(fail) };
}

function line({ name, quota, remaining, window_seconds: seconds }) {
  const [size, unit] = UNITS.find(([size]) => seconds % size === 0 && seconds >= size);
  const label = has(`settings_limit_${name}`) ? t(`settings_limit_${name}`) : name;
  const left = t("settings_limit_left", { left: remaining, of: quota, time: t(unit, { n: seconds / size }) });
  return h("li", {}, h("span", {}, label), h("meter", { min: "0", max: String(quota), value: String(remaining), low: String(quota / 5), "aria-label": label }, number(remaining)), h("span.hint", {}, left));
}
