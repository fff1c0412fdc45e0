// SPDX-License-Identifier: GPL-3.0-or-later
// One of a few, by the browser's own list: works by keys, by touch and for screen readers as people know it.
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import "./field.css";

export interface Option<V extends string> {
  value: V;
  text: string;
}

type Props<V extends string> = Omit<JSX.SelectHTMLAttributes<HTMLSelectElement>, "onInput"> & { label: string; hint?: string; wrong?: string; value: V; options: readonly Option<V>[]; onInput: (value: V) => void };

export function Select<V extends string>({ label, hint, wrong, value, options, onInput, ...rest }: Props<V>) {
  const id = useId();
  const about = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select {...rest} id={id} value={value} aria-describedby={about || undefined} aria-invalid={wrong ? true : undefined} onInput={(e) => onInput(e.currentTarget.value as V)}>
        {options.map((o) => <option key={o.value} value={o.value}>{o.text}</option>)}
      </select>
      {hint && <p id={`${id}-hint`} class="field-hint">{hint}</p>}
      {wrong && <p id={`${id}-wrong`} class="field-wrong">{wrong}</p>}
    </div>
  );
}
