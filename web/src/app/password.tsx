// SPDX-License-Identifier: GPL-3.0-or-later
// The own password, which everybody may change: the other sessions of the person end with it.
import { useState } from "preact/hooks";
import { Problem, ask } from "../api";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Notice } from "../ui/notice";
import { Password, passwordWrong } from "../ui/password";
import { toast } from "../ui/toast";
import { useSession } from "./session";

const text = strings.common.password;

export function PasswordDialog({ close }: { close: () => void }) {
  const session = useSession();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const change = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await ask("POST", "/api/v1/session/password", { old, new: next });
      toast(text.changed);
      close();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
      setBusy(false);
    }
  };
  return (
    <Dialog title={strings.common.changePassword} close={close}>
      <form class="dialog-form" onSubmit={change}>
        <input type="text" class="sr-only" autocomplete="username" value={session.person} readOnly tabIndex={-1} aria-hidden="true" />
        {problem && <Notice problem={problem} />}
        <Password label={text.old} value={old} onInput={setOld} />
        <Password label={text.next} value={next} onInput={setNext} fresh person={session.person} />
        <p class="field-hint">{text.others}</p>
        <div class="dialog-end">
          <Button onClick={close}>{strings.common.cancel}</Button>
          <Button kind="main" type="submit" busy={busy} disabled={!old || passwordWrong(next, session.person) !== null}>{text.change}</Button>
        </div>
      </form>
    </Dialog>
  );
}
