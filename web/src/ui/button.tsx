// SPDX-License-Identifier: GPL-3.0-or-later
import type { JSX } from "preact";
import "./button.css";

type Props = JSX.HTMLAttributes<HTMLButtonElement> & { kind?: "main" | "quiet" | "danger" | "bare"; busy?: boolean; type?: "button" | "submit"; disabled?: boolean };

export function Button({ kind = "quiet", busy = false, type = "button", disabled, ...rest }: Props) {
  return <button {...rest} type={type} class={`button button-${kind}`} disabled={disabled || busy} aria-busy={busy || undefined} />;
}
