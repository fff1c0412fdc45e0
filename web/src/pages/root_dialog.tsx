// SPDX-License-Identifier: GPL-3.0-or-later
// A root of somebody else's: read in the page, shown with its fingerprint, sent once that was compared.
import { useState } from "preact/hooks";
import { ask, type Schemas } from "../api";
import { strings } from "../strings";
import { Checkbox } from "../ui/checkbox";
import { FormDialog } from "../ui/form_dialog";
import { Select } from "../ui/select";
import { Digits } from "./camera_look";

type Class = Schemas["Root"]["class"];

const text = strings.certificates;
const CLASSES: Class[] = ["camera", "directory", "mail", "archive"];
const MOST_BYTES = 64 * 1024;

// The one certificate of the file, DER; or why there is none.
function derOf(file: Uint8Array): Uint8Array | string {
  const read = new TextDecoder("latin1").decode(file);
  if (read.includes("PRIVATE KEY")) return text.rootKey;
  const found = [...read.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (found.length === 0) return file[0] === 0x30 ? file : text.rootBad;
  if (found.length > 1) return text.rootBad;
  try {
    return Uint8Array.from(atob((found[0]?.[1] ?? "").replace(/\s/g, "")), (c) => c.charCodeAt(0));
  } catch {
    return text.rootBad;
  }
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");

export function RootDialog({ close, done, only }: { close: () => void; done: () => void; only?: Class }) {
  const [of, setOf] = useState<Class>(only ?? "camera");
  const [read, setRead] = useState<{ der: Uint8Array; fingerprint: string } | null>(null);
  const [wrong, setWrong] = useState("");
  const [sure, setSure] = useState(false);
  const take = async (event: { currentTarget: HTMLInputElement }) => {
    setRead(null);
    setSure(false);
    setWrong("");
    const file = event.currentTarget.files?.[0];
    if (!file) return;
    const der = file.size > MOST_BYTES ? text.rootBad : derOf(new Uint8Array(await file.arrayBuffer()));
    if (typeof der === "string") setWrong(der);
    else setRead({ der, fingerprint: hex(await crypto.subtle.digest("SHA-256", der as BufferSource)) });
  };
  return (
    <FormDialog title={text.rootAdd} word={text.rootAdd} ready={read !== null && sure} run={() => ask("POST", "/api/v1/roots", { class: of, certificate: base64(read?.der ?? new Uint8Array()) })} close={close} done={done}>
      {!only && <Select label={text.rootClass} value={of} onInput={setOf} options={CLASSES.map((c) => ({ value: c, text: text.classes[c] ?? c }))} />}
      <div class="field">
        <label for="root-file">{text.rootFile}</label>
        <input id="root-file" type="file" accept=".pem,.crt,.cer,.der" onChange={(e) => void take(e)} aria-describedby="root-hint" />
        <p id="root-hint" class={wrong ? "field-wrong" : "field-hint"}>{wrong || text.rootFileHint}</p>
      </div>
      {read && (
        <>
          <Checkbox label={text.rootSure} checked={sure} onInput={setSure} />
          <Digits of={read.fingerprint} />
        </>
      )}
    </FormDialog>
  );
}
