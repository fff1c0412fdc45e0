// SPDX-License-Identifier: GPL-3.0-or-later
// The page's own keys, and the list of them that "?" shows. A key means nothing here while somebody types, in a menu, or behind a dialog.
import { useEffect, useRef, useState } from "preact/hooks";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import "./keys.css";

export interface Key {
  keys: readonly string[]; // as KeyboardEvent.key has them, letters in lower case; with "Shift+" before it where that is held
  show: string; // how the list writes them
  about: string;
  run: (key: string) => void;
}

const known = new Set<readonly Key[]>();

const typing = (e: KeyboardEvent): boolean => {
  const at = e.target instanceof HTMLElement ? e.target : null;
  if (!at) return false;
  if (at.closest("dialog, [role=menu], select, textarea, [contenteditable]")) return true;
  if (at instanceof HTMLInputElement) return !["checkbox", "button", "range"].includes(at.type) && !(at.type === "radio" && !e.key.startsWith("Arrow"));
  return (e.key === " " || e.key === "Enter") && !!at.closest("button, a, summary"); // those are its own
};

const nameOf = (e: KeyboardEvent): string => {
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  return e.shiftKey && e.key.length > 1 ? `Shift+${key}` : key;
};

// While what calls it is shown. `keys` may be new at every drawing.
export function useKeys(keys: readonly Key[]): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const shown = keys.map((k, i): Key => ({ ...k, run: (key) => latest.current[i]?.run(key) }));
    known.add(shown);
    return () => void known.delete(shown);
  }, [keys.map((k) => k.show + k.about).join()]);
}

// Once, in the shell: hears the keys of all, and shows them.
export function Keys() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const hear = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.altKey || e.metaKey || typing(e) || document.querySelector("dialog[open]")) return;
      const name = nameOf(e);
      const found = name === "?" ? () => setOpen(true) : [...known].flat().find((k) => k.keys.includes(name))?.run;
      if (!found) return;
      e.preventDefault();
      found(name);
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, []);
  if (!open) return null;
  return (
    <Dialog title={strings.common.keys.title} close={() => setOpen(false)}>
      <dl class="keys">
        {[...[...known].flat(), { show: "?", about: strings.common.keys.help }].map((k) => (
          <div key={k.show}>
            <dt><kbd>{k.show}</kbd></dt>
            <dd>{k.about}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-end"><Button onClick={() => setOpen(false)}>{strings.common.close}</Button></div>
    </Dialog>
  );
}
