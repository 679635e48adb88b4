// Days and times of the person's own zone, and the instants that the API speaks of.

import { timezone } from "./language.js";

const PARTS = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** The date and the time of an instant, as calendar and clock say there: ["2027-03-01", "09:30"]. */
export function inZone(instant, zone = timezone()) {
  const parts = new Intl.DateTimeFormat("en-CA", { ...PARTS, timeZone: zone }).formatToParts(new Date(instant));
  const of = Object.fromEntries(parts.map((part) => [part.type, part.value]));
  return [`${of.year}-${of.month}-${of.day}`, `${of.hour}:${of.minute}`];
}

/** Today's date in the zone. */
export const today = (zone = timezone()) => inZone(Date.now(), zone)[0];

/** The date so many days after another. */
export function plusDays(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/**
 * The instant at which a clock in the zone shows this date and time. A time that is skipped in spring is the one
 * that the clock shows instead; of one that comes twice in autumn it is the first.
 */
export function instantOf(date, time, zone = timezone()) {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  const offset = (instant) => Date.parse(`${inZone(instant, zone).join("T")}:00Z`) - instant;
  const guesses = [wanted - offset(wanted - 86_400_000), wanted - offset(wanted + 86_400_000)];
  const right = guesses.filter((guess) => guess + offset(guess) === wanted);
  return new Date(right.length ? Math.min(...right) : guesses[0]).toISOString().replace(".000Z", "Z");
}

/** When a task is due: its date, its time or null, and whether that is over. */
export function dueOf(task, now = Date.now()) {
  if (task.due_on) return { date: task.due_on, time: null, isOver: task.due_on < inZone(now)[0] };
  if (!task.due_at) return null;
  const [date, time] = inZone(task.due_at);
  return { date, time, isOver: Date.parse(task.due_at) < now };
}
