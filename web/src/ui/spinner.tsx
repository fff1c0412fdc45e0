// SPDX-License-Identifier: GPL-3.0-or-later
import { strings } from "../strings";
import "./spinner.css";

export function Spinner({ label = strings.common.loading }: { label?: string }) {
  return <div class="spinner" role="status"><span class="sr-only">{label}</span></div>;
}
