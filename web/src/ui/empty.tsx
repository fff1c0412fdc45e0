// SPDX-License-Identifier: GPL-3.0-or-later
// What would be here, and the one thing to do.
import type { ComponentChildren } from "preact";
import "./empty.css";

export function Empty({ title, text, children }: { title: string; text?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children}
    </div>
  );
}
