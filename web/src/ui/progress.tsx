// SPDX-License-Identifier: GPL-3.0-or-later
// How far something is, in words beside the bar; without `value` it is not known how far.
import { useId } from "preact/hooks";
import "./progress.css";

export function Progress({ label, value, most = 1, said }: { label: string; value?: number; most?: number; said?: string }) {
  const id = useId();
  return (
    <div class="progress">
      <label for={id}>{label}</label>
      {said && <span class="progress-said">{said}</span>}
      <progress id={id} max={most} value={value} />
    </div>
  );
}
