// SPDX-License-Identifier: GPL-3.0-or-later
// "Saved": that something was done, said once and gone by itself. What wants an answer, and what went wrong, is a Notice in its place.
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon";
import "./toast.css";

const SHOWN_MS = 4000;

let show: (text: string) => void = () => {};

export const toast = (text: string): void => show(text);

// Once, in the shell: the region has to be there before its text is, or it is not read out.
export function Toasts() {
  const [said, setSaid] = useState<{ text: string } | null>(null);
  useEffect(() => {
    show = (text) => setSaid({ text });
    return () => {
      show = () => {};
    };
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <div class="toasts" role="status">
      {said && <p class="toast"><Icon name="check" />{said.text}</p>}
    </div>
  );
}
