// SPDX-License-Identifier: GPL-3.0-or-later
// A field of several lines.
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import "./field.css";

type Props = Omit<JSX.TextareaHTMLAttributes<HTMLTextAreaElement>, "onInput"> & { label: string; hint?: string; wrong?: string; value: string; onInput: (value: string) => void };

export function Textarea({ label, hint, wrong, onInput, rows = 3, ...rest }: Props) {
  const id = useId();
  const about = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea {...rest} id={id} rows={rows} aria-describedby={about || undefined} aria-invalid={wrong ? true : undefined} onInput={(e) => onInput(e.currentTarget.value)} />
      {hint && <p id={`${id}-hint`} class="field-hint">{hint}</p>}
      {wrong && <p id={`${id}-wrong`} class="field-wrong">{wrong}</p>}
    </div>
  );
}
