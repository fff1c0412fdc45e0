// SPDX-License-Identifier: GPL-3.0-or-later
// Whose: shown where the site has more than one recorder.
import { getAll, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { strings } from "../strings";
import { Select, type Option } from "../ui/select";

interface Props {
  label?: string;
  value: string;
  onInput: (name: string) => void;
  besides?: Option<string>; // one more, first
}

export function RecorderSelect({ label = strings.storage.recorder, value, onInput, besides }: Props) {
  const nodes = useLoad((signal) => getAll<Schemas["Node"]>("/api/v1/nodes", { role: "recorder" }, undefined, signal), []);
  const options = [...(besides ? [besides] : []), ...(nodes.value ?? []).map((n) => ({ value: n.name, text: n.name }))];
  return options.length > 1 ? <Select label={label} value={value} onInput={onInput} options={options} /> : null;
}
