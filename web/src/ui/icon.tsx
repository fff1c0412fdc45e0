// SPDX-License-Identifier: GPL-3.0-or-later
// Symbols of 16 by 16, drawn with the text's colour. A new one is one row.
const drawings = {
  grid: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  camera: "M1.5 4.5h9v7h-9zM10.5 7l4-2v6l-4-2",
  export: "M8 2v8M4.5 6.5L8 10l3.5-3.5M2.5 13.5h11",
  verify: "M8 1.5l5.5 2v4c0 3.5-2.5 6-5.5 7-3-1-5.5-3.5-5.5-7v-4zM5.5 8l2 2 3.5-4",
  storage: "M2.5 4c0-3 11-3 11 0v8c0 3-11 3-11 0zM2.5 4c0 3 11 3 11 0M2.5 8c0 3 11 3 11 0",
  certificate: "M2.5 2.5h11v7h-11zM5 5h6M5 7h3M10 9l-1.5 5 2-1 2 1L11 9",
  audit: "M3.5 1.5h9v13h-9zM6 5h4M6 8h4M6 11h2",
  people: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14.5c0-6 11-6 11 0",
  lock: "M3.5 7h9v7h-9zM5.5 7V5c0-4 5-4 5 0v2",
  open: "M3.5 7h9v7h-9zM5.5 7V4c0-3 4-3.5 5-1",
  key: "M4.5 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM7.5 8h7M12 8v2.5",
  check: "M2.5 8.5l3.5 3.5 7.5-8",
  cross: "M3 3l10 10M13 3L3 13",
  warning: "M8 2l6.5 12h-13zM8 6.5v3.5M8 11.8v.4",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 7.5v4M8 4.5v.4",
  play: "M4 2.5l9.5 5.5L4 13.5z",
  pause: "M4.5 2.5v11M11.5 2.5v11",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.5 10.5l4 4",
  leave: "M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6.5",
  eye: "M1.5 8c3-5.5 10-5.5 13 0-3 5.5-10 5.5-13 0zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  "eye-off": "M1.5 8c3-5.5 10-5.5 13 0-3 5.5-10 5.5-13 0zM2.5 13.5l11-11",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  back: "M9.5 3.5L5 8l4.5 4.5",
  forward: "M6.5 3.5L11 8l-4.5 4.5",
  sound: "M2 6h2.5L8 3v10L4.5 10H2zM10.5 5.5c1.5 1.5 1.5 3.5 0 5M12.5 3.5c2.5 2.5 2.5 6.5 0 9",
  silent: "M2 6h2.5L8 3v10L4.5 10H2zM10.5 6l4 4M14.5 6l-4 4",
  record: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  clock: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 4.5V8l2.5 1.5",
  more: "M3 8h.01M8 8h.01M13 8h.01",
} as const;

export type IconName = keyof typeof drawings;

export function Icon({ name, label }: { name: IconName; label?: string }) {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : true}>
      <path d={drawings[name]} />
    </svg>
  );
}
