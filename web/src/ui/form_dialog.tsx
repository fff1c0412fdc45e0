// SPDX-License-Identifier: GPL-3.0-or-later
// A question with an answer that is sent: what went wrong stands above it, and it stays open until it is done or given up.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Problem } from "../api";
import { strings } from "../strings";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Notice } from "./notice";

interface Props {
  title: string;
  word: string; // of the button that does it
  kind?: "main" | "danger";
  ready?: boolean;
  run: () => Promise<unknown>;
  close: () => void;
  done: () => void;
  children: ComponentChildren;
}

export function FormDialog({ title, word, kind = "main", ready = true, run, close, done, children }: Props) {
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
