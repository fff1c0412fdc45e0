// SPDX-License-Identifier: GPL-3.0-or-later
// What is asked before a person is added or changed.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Problem, ask, segment, type Schemas } from "../api";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import { Password, passwordWrong } from "../ui/password";
import { Select } from "../ui/select";

type Person = Schemas["Person"];
type Role = Person["role"];

const text = strings.people;
const ROLES: Role[] = ["viewer", "administrator"];

interface FormProps {
  title: string;
  word: string; // of the button that does it
  kind?: "main" | "danger";
  ready?: boolean;
  run: () => Promise<unknown>;
  close: () => void;
  done: () => void;
  children: ComponentChildren;
}

function Form({ title, word, kind = "main", ready = true, run, close, done, children }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await run();
      done();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form class="dialog-form" onSubmit={send}>
        {problem && <Notice problem={problem} />}
        {children}
        <div class="dialog-end">
          <Button onClick={close}>{strings.common.cancel}</Button>
          <Button kind={kind} type="submit" busy={busy} disabled={!ready}>{word}</Button>
        </div>
      </form>
    </Dialog>
  );
}

const RoleSelect = ({ role, setRole }: { role: Role; setRole: (role: Role) => void }) => (
  <Select label={text.role} value={role} onInput={setRole} hint={text.roleAbout[role]} options={ROLES.map((r) => ({ value: r, text: text.roles[r] ?? r }))} />
);

export function AddPerson({ close, done }: { close: () => void; done: (said: string) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  return (
    <Form title={text.addTitle} word={text.add} ready={!!name.trim() && passwordWrong(password, name) === null} close={close}
      run={() => ask("POST", "/api/v1/people", { name, password, role })} done={() => done(text.added(name))}>
      <Field label={text.name} value={name} onInput={setName} autocomplete="off" spellcheck={false} maxLength={64} required />
      <RoleSelect role={role} setRole={setRole} />
      <Password label={text.password} value={password} onInput={setPassword} fresh person={name} />
    </Form>
  );
}

interface OfPerson {
  person: Person;
  close: () => void;
  done: (said: string) => void;
}

export function ChangeRole({ person, close, done }: OfPerson) {
  const [role, setRole] = useState<Role>(person.role);
  return (
    <Form title={text.roleTitle(person.name)} word={text.save} ready={role !== person.role} close={close}
      run={() => ask("PATCH", `/api/v1/people/${segment(person.name)}`, { role })} done={() => done(text.changed(person.name))}>
      <RoleSelect role={role} setRole={setRole} />
    </Form>
  );
}

export function GivePassword({ person, close, done }: OfPerson) {
  const [password, setPassword] = useState("");
  return (
    <Form title={text.passwordTitle(person.name)} word={text.save} ready={passwordWrong(password, person.name) === null} close={close}
      run={() => ask("PATCH", `/api/v1/people/${segment(person.name)}`, { password })} done={() => done(text.changed(person.name))}>
      <p>{text.newPasswordAbout}</p>
      <Password label={text.password} value={password} onInput={setPassword} fresh person={person.name} />
    </Form>
  );
}

interface SureProps {
  title: string;
  about: string;
  word: string;
  kind?: "main" | "danger";
  run: () => Promise<unknown>;
  close: () => void;
  done: () => void;
}

export const Sure = ({ about, kind = "danger", ...form }: SureProps) => <Form {...form} kind={kind}><p>{about}</p></Form>;
