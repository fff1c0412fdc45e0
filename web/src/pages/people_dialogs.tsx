// SPDX-License-Identifier: GPL-3.0-or-later
// What is asked before a person is added or changed.
import { useState } from "preact/hooks";
import { ask, segment, type Schemas } from "../api";
import { strings } from "../strings";
import { Field } from "../ui/field";
import { FormDialog } from "../ui/form_dialog";
import { Password, passwordWrong } from "../ui/password";
import { Select } from "../ui/select";

type Person = Schemas["Person"];
type Role = Person["role"];

const text = strings.people;
const ROLES: Role[] = ["viewer", "administrator"];

const RoleSelect = ({ role, setRole }: { role: Role; setRole: (role: Role) => void }) => (
  <Select label={text.role} value={role} onInput={setRole} hint={text.roleAbout[role]} options={ROLES.map((r) => ({ value: r, text: text.roles[r] ?? r }))} />
);

export function AddPerson({ close, done }: { close: () => void; done: (said: string) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  return (
    <FormDialog title={text.addTitle} word={text.add} ready={!!name.trim() && passwordWrong(password, name) === null} close={close}
      run={() => ask("POST", "/api/v1/people", { name, password, role })} done={() => done(text.added(name))}>
      <Field label={text.name} value={name} onInput={setName} autocomplete="off" spellcheck={false} maxLength={64} required />
      <RoleSelect role={role} setRole={setRole} />
      <Password label={text.password} value={password} onInput={setPassword} fresh person={name} />
    </FormDialog>
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
    <FormDialog title={text.roleTitle(person.name)} word={text.save} ready={role !== person.role} close={close}
      run={() => ask("PATCH", `/api/v1/people/${segment(person.name)}`, { role })} done={() => done(text.changed(person.name))}>
      <RoleSelect role={role} setRole={setRole} />
    </FormDialog>
  );
}

export function GivePassword({ person, close, done }: OfPerson) {
  const [password, setPassword] = useState("");
  return (
    <FormDialog title={text.passwordTitle(person.name)} word={text.save} ready={passwordWrong(password, person.name) === null} close={close}
      run={() => ask("PATCH", `/api/v1/people/${segment(person.name)}`, { password })} done={() => done(text.changed(person.name))}>
      <p>{text.newPasswordAbout}</p>
      <Password label={text.password} value={password} onInput={setPassword} fresh person={person.name} />
    </FormDialog>
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

export const Sure = ({ about, kind = "danger", ...form }: SureProps) => <FormDialog {...form} kind={kind}><p>{about}</p></FormDialog>;
