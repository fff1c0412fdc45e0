// SPDX-License-Identifier: GPL-3.0-or-later
// Every page behind the sign-in: a row here, a path in pages.json, a file in pages/. Each is a chunk of its own, fetched when it is opened.
import type { ComponentType } from "preact";
import { strings } from "../strings";
import type { IconName } from "../ui/icon";

export interface PageRow {
  path: string; // ends with "/": a name follows, which the page is given
  title: string | null; // in the navigation; null: not there
  icon: IconName | null;
  administrator?: boolean; // not shown to others; the server refuses them by itself
  load: () => Promise<{ default: ComponentType<{ name: string }> }>;
}

export const pages: PageRow[] = [
  { path: "/", title: strings.common.pages.live, icon: "grid", load: () => import("../pages/live") },
  { path: "/cameras", title: strings.common.pages.cameras, icon: "camera", load: () => import("../pages/cameras") },
  { path: "/storage", title: strings.common.pages.storage, icon: "storage", load: () => import("../pages/storage") },
  { path: "/certificates", title: strings.common.pages.certificates, icon: "certificate", load: () => import("../pages/certificates") },
  { path: "/people", title: strings.common.pages.people, icon: "people", administrator: true, load: () => import("../pages/people") },
];

function nameIn(path: string): string | null {
  try {
    return decodeURIComponent(path) || null;
  } catch {
    return null; // no address of ours
  }
}

export function pageOf(path: string): { row: PageRow; name: string } | null {
  for (const row of pages) {
    const named = row.path.length > 1 && row.path.endsWith("/");
    if (!named && row.path === path) return { row, name: "" };
    const name = named && path.startsWith(row.path) ? nameIn(path.slice(row.path.length)) : null;
    if (name) return { row, name };
  }
  return null;
}
