// SPDX-License-Identifier: GPL-3.0-or-later
// What went wrong or has to be known: what, why, what to do, and again.
import type { Problem } from "../api";
import { strings } from "../strings";
import { Button } from "./button";
import { Icon } from "./icon";
import "./notice.css";

interface Props {
  problem?: Problem | null;
  kind?: "error" | "warning" | "info" | "good";
  text?: string;
  remedy?: string;
  again?: () => void;
}

const symbols = { error: "cross", warning: "warning", info: "info", good: "check" } as const;

export function Notice({ problem, kind = "error", text, remedy, again }: Props) {
  return (
    <div class={`notice notice-${kind}`} role={kind === "error" ? "alert" : "status"}>
      <Icon name={symbols[kind]} />
      <div>
        <p>{problem ? problem.detail : text}</p>
        {(problem?.remedy || remedy) && <p class="notice-remedy">{problem?.remedy || remedy}</p>}
      </div>
      {again && <Button onClick={again}>{strings.common.again}</Button>}
    </div>
  );
}
