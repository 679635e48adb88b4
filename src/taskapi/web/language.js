// What the page says, in whose language, and how numbers and times are written there.

import { english } from "./words-en.js";

// The pseudo-locale finds what was never translated, what does not fit and what does not mirror.
const CATALOGUES = {
  en: async () => english,
  de: async () => (await import("./words-de.js")).german,
  "qps-rtl": async () => english,
};
// What statistics, settings and administration say comes with the first of them.
const FOR_ACCOUNT = {
  en: () => import("./words-en-account.js"),
  de: () => import("./words-de-account.js"),
};
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur", "qps-rtl"]);
const ACCENTED = Object.fromEntries([..."AEIOUaeiouycnsz"].map((one, at) => [one, "ÁÊÍÖÛâéïòüýçñšž"[at]]));
const CHOICE = "taskapi.language";

let words = english;
let tag = "en";
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const languages = { en: "English", de: "Deutsch", "qps-rtl": "[Pseudo ←]" };

/** Speak the language that was chosen here, else the person's, else the browser's. */
export async function speak(preferred) {
  const wanted = [localStorage.getItem(CHOICE), preferred, ...navigator.languages];
  tag = wanted.flatMap((one) => [one, one?.split("-")[0]]).find((one) => one in CATALOGUES) ?? "en";
  words = await CATALOGUES[tag]();
  document.documentElement.lang = tag.startsWith("qps") ? "en" : tag;
  document.documentElement.dir = RIGHT_TO_LEFT.has(tag) ? "rtl" : "ltr";
}

/** Have the words for the screens of the account, before one of them is shown. */
export async function learnAccountWords() {
  Object.assign(english, (await FOR_ACCOUNT.en()).account);
  if (tag in FOR_ACCOUNT) words = { ...words, ...(await FOR_ACCOUNT[tag]()).account };
}

/** Remember a language for this browser, or with null leave it to the account. */
export function choose(language) {
  if (language === null) localStorage.removeItem(CHOICE);
  else localStorage.setItem(CHOICE, language);
}

export const language = () => tag;

/** Read and write times in a zone (IANA). */
export function keepTime(timezone) {
  zone = timezone;
}

export const timezone = () => zone;

/**
 * The words for a key, with what stands in braces put in. Where there are several forms, the number `n` decides
 * by the language's own rules (Unicode plural rules).
 */
export function t(key, given = {}) {
  const found = words[key] ?? english[key];
  if (found === undefined) throw new Error(`no words for ${key}`);
  const form = typeof found === "string" ? found : (found[new Intl.PluralRules(locale()).select(given.n)] ?? found.other);
  const shown = tag === "qps-rtl" ? pseudo(form) : form;
  return shown.replace(/\{(\w+)\}/g, (_, name) => (typeof given[name] === "number" ? number(given[name]) : given[name]));
}

/** Whether there are words for a key, such as a code of the API that may be newer than this page. */
export const has = (key) => key in english;

export const number = (value) => new Intl.NumberFormat(locale()).format(value);

/** A date of the calendar (YYYY-MM-DD) as a day near or far: today, Friday, 3 March 2027. */
export function day(date, today) {
  const distance = Math.round((Date.parse(date) - Date.parse(today)) / 86_400_000);
  if (distance >= -1 && distance <= 1) {
    return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(distance, "day");
  }
  const near = distance > 1 && distance < 7;
  const sameYear = date.slice(0, 4) === today.slice(0, 4);
  const far = { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) };
  return write(`${date}T12:00:00Z`, near ? { weekday: "long" } : far, "UTC");
}

export const clock = (instant) => write(instant, { hour: "numeric", minute: "2-digit" }, zone);

export const moment = (instant) => write(instant, { dateStyle: "medium", timeStyle: "short" }, zone);

/** How long ago an instant was, roughly. */
export function ago(instant) {
  const seconds = (Date.parse(instant) - Date.now()) / 1000;
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, size]) => Math.abs(seconds) >= size) ?? ["minute", 60];
  if (unit === "day" && Math.abs(seconds) > 30 * 86400) return moment(instant);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(Math.round(seconds / size) || 0, unit);
}

function write(instant, form, timeZone) {
  return new Intl.DateTimeFormat(locale(), { ...form, timeZone }).format(new Date(instant));
}

/** The language as the browser's region writes it: English has its clock of 24 hours in Britain, of 12 in America. */
function locale() {
  const spoken = tag.startsWith("qps") ? "en" : tag;
  return navigator.languages.find((one) => one.split("-")[0] === spoken) ?? spoken;
}

function pseudo(text) {
  const accented = text.replace(/\{\w+\}|./g, (one) => ACCENTED[one] ?? one);
  return `⟦${accented}${"·".repeat(Math.ceil(text.length / 4))}⟧`;
}
