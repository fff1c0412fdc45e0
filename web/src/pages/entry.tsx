// SPDX-License-Identifier: GPL-3.0-or-later
// Setup and sign-in: the two pages for whom nobody knows yet.
import { useState } from "preact/hooks";
import { Problem, ask } from "../api";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import "./entry.css";

const text = strings.entry;

export function Entry({ setup, entered }: { setup: boolean; entered: () => void }) {
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const enter = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      if (setup) await ask("POST", "/api/v1/setup", { code, name, password });
      else await ask("POST", "/api/v1/session", { name, password });
      setPassword("");
      entered();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="entry">
      <form class="entry-form" onSubmit={enter}>
        <h1>{setup ? text.setupTitle : text.signInTitle}</h1>
        {problem && <Notice problem={problem} />}
        {setup && <Field label={text.code} value={code} onInput={setCode} autocomplete="one-time-code" spellcheck={false} required />}
        <Field label={text.name} value={name} onInput={setName} autocomplete="username" maxLength={64} required />
        <Field label={text.password} type="password" value={password} onInput={setPassword} autocomplete={setup ? "new-password" : "current-password"} hint={setup ? text.passwordRule : undefined} maxLength={256} required />
        <Button kind="main" type="submit" busy={busy}>{setup ? text.goSetup : text.go}</Button>
      </form>
    </main>
  );
}
