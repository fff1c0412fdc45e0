// SPDX-License-Identifier: GPL-3.0-or-later
// A labelled input with what it takes said before it is wrong, and what is wrong with it beside it.
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import "./field.css";

type Props = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "onInput"> & { label: string; hint?: string; wrong?: string; value: string; onInput: (value: string) => void };

export function Field({ label, hint, wrong, onInput, ...rest }: Props) {
  const id = useId();
  const about = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...rest} id={id} aria-describedby={about || undefined} aria-invalid={wrong ? true : undefined} onInput={(e) => onInput(e.currentTarget.value)} />
      {hint && <p id={`${id}-hint`} class="field-hint">{hint}</p>}
      {wrong && <p id={`${id}-wrong`} class="field-wrong">{wrong}</p>}
    </div>
  );
}
