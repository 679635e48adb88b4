// Quick add: what a line of text says about a task, by a small grammar and without guessing.
//
//   Pay rent !high #home @Flat tomorrow 9am
//
// A word that is understood is taken out of the title; what stands in double quotes is left as it is. Days and times
// are understood in English and German. A time without a day is the next time the clock shows it.

import { inZone, instantOf, plusDays } from "./dates.js";
import { timezone } from "./language.js";

const PRIORITY = { low: "low", l: "low", niedrig: "low", medium: "medium", m: "medium", mittel: "medium", high: "high", h: "high", hoch: "high", urgent: "urgent", u: "urgent", dringend: "urgent", 1: "urgent", 2: "high", 3: "medium", 4: "low" };
const NEAR = { today: 0, tod: 0, heute: 0, tomorrow: 1, tom: 1, morgen: 1, übermorgen: 2 };
const WEEKDAYS = [
  ["sunday", "sun", "sonntag"], ["monday", "mon", "montag"], ["tuesday", "tue", "dienstag"], ["wednesday", "wed", "mittwoch"],
  ["thursday", "thu", "donnerstag"], ["friday", "fri", "freitag"], ["saturday", "sat", "samstag"],
];
const UNITS = { day: 1, days: 1, tag: 1, tagen: 1, tage: 1, week: 7, weeks: 7, woche: 7, wochen: 7 };
const MOST_LABELS = 20;

// Each rule looks at the words from a place on, and says how many it took.
const RULES = [priority, label, project, isoDate, germanDate, near, nextWeekday, weekday, inSome, germanClock, clockTime];

/**
 * What a line says: { title, fields, understood }, where `understood` names each part as { kind, value } for the
 * preview. `projects` are those that can be named after an @.
 */
export function understand(line, projects = [], now = Date.now(), zone = timezone()) {
  const said = { labels: [], projects, today: inZone(now, zone)[0] };
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => ({ quoted, word }));
  const title = [];
  for (let at = 0; at < words.length; ) {
    if (words[at].quoted !== undefined) {
      title.push(words[at].quoted);
      at += 1;
      continue;
    }
    const rest = words.slice(at).map(({ word }) => word ?? "");
    const taken = RULES.reduce((found, rule) => found || rule(rest, said), 0);
    if (!taken) title.push(words[at].word);
    at += taken || 1;
  }
  return result(title.join(" ").trim(), said, now, zone);
}

function result(title, said, now, zone) {
  const fields = { title };
  const understood = [];
  const note = (kind, value) => understood.push({ kind, value });
  if (said.priority) note("priority", (fields.priority = said.priority));
  if (said.labels.length) fields.labels = said.labels;
  for (const name of said.labels) note("label", name);
  if (said.project) {
    fields.project_id = said.project.id;
    note("project", said.project.name);
  }
  Object.assign(fields, due(said, now, zone));
  if (fields.due_on || fields.due_at) note("due", fields);
  return { title, fields, understood };
}

function due({ date, time, today }, now, zone) {
  if (!time) return date ? { due_on: date } : {};
  const at = instantOf(date ?? today, time, zone);
  const isOver = !date && Date.parse(at) <= now;
  return { due_at: isOver ? instantOf(plusDays(today, 1), time, zone) : at };
}

function priority([word], said) {
  const found = /^!(\w+)$/.exec(word)?.[1].toLowerCase();
  if (!found || !(found in PRIORITY) || said.priority) return 0;
  said.priority = PRIORITY[found];
  return 1;
}

function label([word], said) {
  const name = /^#([^\s#][^\s]*)$/.exec(word)?.[1];
  if (!name || [...name].length > 40 || said.labels.length === MOST_LABELS) return 0;
  if (!said.labels.some((one) => one.toLowerCase() === name.toLowerCase())) said.labels.push(name);
  return 1;
}

/** A project by the beginning of its name; one of several words is found by as many as are said. */
function project(words, said) {
  if (!/^@\S/.test(words[0]) || said.project) return 0;
  for (let count = Math.min(words.length, 6); count > 0; count -= 1) {
    const name = words.slice(0, count).join(" ").slice(1).toLowerCase();
    const whole = said.projects.find((one) => one.name.toLowerCase() === name);
    const begun = count === 1 ? said.projects.find((one) => one.name.toLowerCase().startsWith(name)) : null;
    said.project = whole ?? begun ?? null;
    if (said.project) return count;
  }
  return 0;
}

function isoDate([word], said) {
  return takeDate(said, /^\d{4}-\d\d-\d\d$/.test(word) && isDate(word) ? word : null);
}

/** 24.12. or 24.12.2027; without a year it is the next one. */
function germanDate([word], said) {
  const found = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(word);
  if (!found) return 0;
  const [, dayNumber, month, year] = found;
  const inYear = (one) => `${one}-${month.padStart(2, "0")}-${dayNumber.padStart(2, "0")}`;
  const thisYear = said.today.slice(0, 4);
  const date = inYear(year ?? thisYear);
  const next = year || date >= said.today ? date : inYear(Number(thisYear) + 1);
  return takeDate(said, isDate(next) ? next : null);
}

function near([word], said) {
  const days = NEAR[word.toLowerCase()];
  return takeDate(said, days === undefined ? null : plusDays(said.today, days));
}

function weekday([word], said, least = 1) {
  const wanted = WEEKDAYS.findIndex((names) => names.includes(word.toLowerCase()));
  if (wanted < 0) return 0;
  const now = new Date(`${said.today}T00:00:00Z`).getUTCDay();
  return takeDate(said, plusDays(said.today, ((wanted - now - least + 7) % 7) + least));
}

function nextWeekday([word, ...rest], said) {
  if (!/^(next|nächsten|nächster|am|on|by|bis)$/i.test(word) || !rest.length) return 0;
  const taken = weekday(rest, said);
  return taken && taken + 1;
}

function inSome([word, count, unit], said) {
  const days = Number(count) * (UNITS[unit?.toLowerCase()] ?? NaN);
  if (word.toLowerCase() !== "in" || !/^\d{1,3}$/.test(count ?? "") || !days) return 0;
  return takeDate(said, plusDays(said.today, days)) && 3;
}

/** 9 Uhr, um 9:30 Uhr. */
function germanClock(words, said) {
  const skip = /^um$/i.test(words[0]) ? 1 : 0;
  const found = /^(\d{1,2})(?::([0-5]\d))?$/.exec(words[skip] ?? "");
  if (!found || !/^uhr$/i.test(words[skip + 1] ?? "")) return 0;
  return takeTime(said, Number(found[1]), found[2]) && skip + 2;
}

/** 9am, 9:30pm, 14:00, with or without `at`. */
function clockTime(words, said) {
  const skip = /^(at|um)$/i.test(words[0]) && words.length > 1 ? 1 : 0;
  const found = /^(\d{1,2})(?::([0-5]\d))?(am|pm)?$/i.exec(words[skip]);
  if (!found || (found[2] === undefined && !found[3])) return 0;
  const [, hour, minutes, half] = found;
  if (half && (Number(hour) < 1 || Number(hour) > 12)) return 0;
  const hours = half ? (Number(hour) % 12) + (half.toLowerCase() === "pm" ? 12 : 0) : Number(hour);
  return takeTime(said, hours, minutes) && skip + 1;
}

function takeDate(said, date) {
  if (!date || said.date) return 0;
  said.date = date;
  return 1;
}

function takeTime(said, hours, minutes = "00") {
  if (said.time || hours > 23) return 0;
  said.time = `${String(hours).padStart(2, "0")}:${minutes}`;
  return 1;
}

function isDate(text) {
  const parsed = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(text);
}
