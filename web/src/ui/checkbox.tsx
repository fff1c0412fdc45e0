// SPDX-License-Identifier: GPL-3.0-or-later
// Yes or no, with what a yes means beside it.
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import "./field.css";
import "./checkbox.css";

type Props = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "onInput" | "type"> & { label: string; hint?: string; checked: boolean; onInput: (checked: boolean) => void };

export function Checkbox({ label, hint, onInput, ...rest }: Props) {
  const id = useId();
  return (
    <div class="checkbox">
      <input {...rest} id={id} type="checkbox" aria-describedby={hint ? `${id}-hint` : undefined} onInput={(e) => onInput(e.currentTarget.checked)} />
      <label for={id}>{label}</label>
      {hint && <p id={`${id}-hint`} class="field-hint">{hint}</p>}
    </div>
  );
}
