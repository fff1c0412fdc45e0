// SPDX-License-Identifier: GPL-3.0-or-later
// One of a few that are all seen: layouts, speeds, parts of a page. Radio buttons below, so arrows choose and screen readers count them.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import "./segmented.css";

export interface Segment<V extends string> {
  value: V;
  text: string; // also the name where `show` is a picture
  show?: ComponentChildren;
}

interface Props<V extends string> {
  label: string;
  value: V;
  options: readonly Segment<V>[];
  onInput: (value: V) => void;
  disabled?: boolean;
}

export function Segmented<V extends string>({ label, value, options, onInput, disabled }: Props<V>) {
  const id = useId();
  return (
    <fieldset class="segmented" disabled={disabled}>
      <legend class="sr-only">{label}</legend>
      {options.map((o) => (
        <label key={o.value} class="segmented-part" title={o.show ? o.text : undefined}>
          <input type="radio" class="sr-only" name={id} value={o.value} checked={o.value === value} onInput={() => onInput(o.value)} aria-label={o.show ? o.text : undefined} />
          <span>{o.show ?? o.text}</span>
        </label>
      ))}
    </fieldset>
  );
}
