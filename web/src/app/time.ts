// SPDX-License-Identifier: GPL-3.0-or-later
// Times and amounts for people. Instants are shown in the device's zone, year first, with seconds: nobody who compares two of them in court has to
// guess which number is the month. What goes to the server is RFC 3339 in UTC.
import { strings } from "../strings";

export type Instant = string | number | Date; // RFC 3339, milliseconds since 1970, or a Date

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const words = strings.common.time;
const two = (n: number): string => String(n).padStart(2, "0");
const dateOf = (at: Instant): Date => (at instanceof Date ? at : new Date(at));

// "2026-11-23"; "" where it is no time.
export function day(at: Instant): string {
  const d = dateOf(at);
  return Number.isNaN(d.getTime()) ? "" : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

// "10:04:13", with `thousandths` "10:04:13.250".
export function clock(at: Instant, thousandths = false): string {
  const d = dateOf(at);
  if (Number.isNaN(d.getTime())) return "";
  const text = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return thousandths ? `${text}.${String(d.getMilliseconds()).padStart(3, "0")}` : text;
}

// "2026-11-23 10:04:13"
export const stamp = (at: Instant, thousandths = false): string => [day(at), clock(at, thousandths)].filter(Boolean).join(" ");

// The device's zone at that time: "UTC+01:00".
export function zone(at: Instant = Date.now()): string {
  const minutes = -dateOf(at).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

// What the server takes: "2026-11-23T09:04:13.000Z".
export const rfc3339 = (at: Instant): string => dateOf(at).toISOString();

// Of <input type="datetime-local" step="1">: its value, and the time that it means in the device's zone (null: none).
export const inputValue = (at: Instant): string => (day(at) ? `${day(at)}T${clock(at)}` : "");
export function ofInput(value: string): Date | null {
  const d = new Date(value);
  return value && !Number.isNaN(d.getTime()) ? d : null;
}

// The two largest units that it has: "3 d 4 h", "1 h 5 min", "12 s".
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms / SECOND)) * SECOND;
  const units: [number, string][] = [[DAY, words.d], [HOUR, words.h], [MINUTE, words.min], [SECOND, words.s]];
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return `0 ${words.s}`;
  let rest = whole;
  const parts: string[] = [];
  for (const [size, unit] of units.slice(first, first + 2)) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n) parts.push(`${n} ${unit}`);
  }
  return parts.join(" ");
}

// "4 min ago", "in 3 d"; the largest unit alone.
export function relative(at: Instant, now: number = Date.now()): string {
  const apart = dateOf(at).getTime() - now;
  if (Number.isNaN(apart)) return "";
  if (Math.abs(apart) < 10 * SECOND) return words.now;
  const largest = duration(Math.abs(apart)).split(" ").slice(0, 2).join(" ");
  return apart < 0 ? words.ago(largest) : words.in(largest);
}

// Decimal, as disks are sold: "12.4 GB".
export function bytes(n: number): string {
  const units = words.bytes;
  let size = Math.max(0, n);
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit && size < 99.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}
