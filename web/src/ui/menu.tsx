// SPDX-License-Identifier: GPL-3.0-or-later
// A button and what it offers: arrows, Home and End walk, Escape closes, what opened it has the focus again.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon";
import "./button.css";
import "./menu.css";

export interface Choice {
  text: string;
  run: () => void;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
}

interface Props {
  label: string; // what the button says, or its name where `show` is given
  show?: ComponentChildren;
  choices: readonly Choice[];
  side?: "start" | "end" | "up"; // which edge of the button the list keeps to; up: above it
  bare?: boolean; // without the button's border
}

export function Menu({ label, show, choices, side = "end", bare }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const whole = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const items = () => [...(whole.current?.querySelectorAll<HTMLButtonElement>("[role=menuitem]:not(:disabled)") ?? [])];
  const close = (back: boolean) => {
    setOpen(false);
    if (back) button.current?.focus();
  };

  useLayoutEffect(() => { // at once: the next key is the list's
    if (!open) return;
    items()[0]?.focus();
    const outside = (e: Event) => whole.current?.contains(e.target as Node) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);

  const walk = (e: KeyboardEvent) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else if (e.key === "Escape") close(true);
    else return e.key === "Tab" ? setOpen(false) : undefined;
    e.preventDefault();
    e.stopPropagation(); // the page's own keys mean something else
  };

  return (
    <div class="menu" ref={whole}>
      <button ref={button} type="button" class={`button ${bare ? "button-bare" : "button-quiet"}`} aria-haspopup="menu" aria-expanded={open}
        aria-controls={open ? id : undefined} aria-label={show ? label : undefined} title={show ? label : undefined} onClick={() => setOpen(!open)}>
        {show ?? label}
      </button>
      {open && (
        <div id={id} class={`menu-list menu-${side}`} role="menu" aria-label={label} onKeyDown={walk}>
          {choices.map((c) => (
            <button key={c.text} type="button" role="menuitem" tabIndex={-1} class={`menu-item${c.danger ? " menu-danger" : ""}`} disabled={c.disabled}
              onClick={() => { close(true); c.run(); }}>
              {c.icon && <Icon name={c.icon} />}
              {c.text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
