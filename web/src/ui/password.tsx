// SPDX-License-Identifier: GPL-3.0-or-later
// A password: hidden until it is asked to be shown; a new one with its rule and how far it is kept. The server has the last word: it knows what is common.
import { useId, useState } from "preact/hooks";
import { strings } from "../strings";
import { Icon } from "./icon";
import "./field.css";
import "./password.css";

const LEAST = 12;
const MOST = 256;
const text = strings.common.password;

// What of the rule is not kept yet; null: nothing that is known here.
export function passwordWrong(password: string, person = ""): string | null {
  const n = [...password].length;
  if (n < LEAST) return text.short(LEAST - n);
  if (person && password.toLowerCase().includes(person.toLowerCase()) && [...person].length >= 4) return text.holdsName;
  return null;
}

interface Props {
  label: string;
  value: string;
  onInput: (value: string) => void;
  fresh?: boolean; // a new one
  person?: string; // whose: it may not be in it
}

export function Password({ label, value, onInput, fresh = false, person = "" }: Props) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const wrong = passwordWrong(value, person);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="password">
        <input id={id} type={shown ? "text" : "password"} value={value} required maxLength={MOST} spellcheck={false} autocapitalize="off"
          autocomplete={fresh ? "new-password" : "current-password"} aria-describedby={fresh ? `${id}-hint ${id}-left` : undefined}
          onInput={(e) => onInput(e.currentTarget.value)} />
        <button type="button" class="password-show" aria-pressed={shown} aria-label={text.show} title={text.show} onClick={() => setShown(!shown)}>
          <Icon name={shown ? "eye-off" : "eye"} />
        </button>
      </div>
      {fresh && <p id={`${id}-hint`} class="field-hint">{text.rule}</p>}
      {fresh && (
        <p id={`${id}-left`} class={`password-left${value && !wrong ? " password-kept" : ""}`}>
          {value && (wrong ?? <><Icon name="check" />{text.kept}</>)}
        </p>
      )}
    </div>
  );
}
