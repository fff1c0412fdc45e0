// SPDX-License-Identifier: GPL-3.0-or-later
// What a camera's wire really carries, in a word and a symbol; never colour alone.
import { strings } from "../strings";
import { Icon, type IconName } from "./icon";
import "./protection.css";

const symbols: Record<string, { icon: IconName; tone: string }> = {
  "encrypted and verified": { icon: "lock", tone: "good" },
  "encrypted, pinned": { icon: "key", tone: "good" },
  "control only": { icon: "warning", tone: "warn" },
  open: { icon: "open", tone: "bad" },
};

// `state`: of the stream; what is not connected carries nothing.
export function Protection({ protection, state }: { protection: string; state: string }) {
  const connected = state === "streaming";
  const words = (connected && strings.common.protection[protection]) || strings.common.protectionNone;
  const look = (connected && symbols[protection]) || { icon: "cross" as const, tone: "quiet" };
  return (
    <span class={`protection protection-${look.tone}`} title={words.about}>
      <Icon name={look.icon} />
      <span class="protection-word">{words.word}</span>
    </span>
  );
}
