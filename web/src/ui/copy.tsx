// SPDX-License-Identifier: GPL-3.0-or-later
// A fingerprint, a hash, a code: in groups that people compare and read out by telephone, whole where it is copied.
import { strings } from "../strings";
import { Button } from "./button";
import { toast } from "./toast";
import "./copy.css";

const GROUP = 4;

// name: what it is, for who hears the button's name alone.
export function Copy({ value, name }: { value: string; name: string }) {
  const groups = value.match(new RegExp(`.{1,${GROUP}}`, "g")) ?? [];
  const copy = () => navigator.clipboard.writeText(value).then(() => toast(strings.common.copied), () => toast(strings.common.notCopied));
  return (
    <span class="copy">
      <code>{groups.map((g, i) => <span key={i}>{g}</span>)}</code>
      <Button aria-label={strings.common.copyOf(name)} onClick={() => void copy()}>{strings.common.copy}</Button>
    </span>
  );
}
