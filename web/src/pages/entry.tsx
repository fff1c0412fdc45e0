// SPDX-License-Identifier: GPL-3.0-or-later
// Setup and sign-in: the two pages for whom nobody knows yet. Behind the setup: what to keep of a new site.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, ask, get, rootCertificate } from "../api";
import { useLoad } from "../app/load";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Password, passwordWrong } from "../ui/password";
import "./entry.css";

const text = strings.entry;

// Seconds that are still to be waited, counted down.
function useWait(problem: Problem | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!problem?.retryAfter) return setLeft(0);
    const until = Date.now() + problem.retryAfter * 1000;
    const count = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    count();
    const timer = setInterval(count, 250);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}

// As devices show them, and so that they can be read out.
const pairs = (hex: string): string => hex.toUpperCase().match(/../g)?.join(":") ?? hex;
const fours = (hex: string): string => hex.match(/.{4}/g)?.join(" ") ?? hex;

// Of the root; "" where the page has a certificate of somebody else's.
async function rootPrint(): Promise<string> {
  const root = await rootCertificate();
  if (!root) return "";
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", root));
  return Array.from(sum, (b) => b.toString(16).padStart(2, "0")).join("");
}

function Root() {
  const print = useLoad(rootPrint, []);
  if (print.loading || !print.value) return null;
  return (
    <>
      <p>{text.root}</p>
      <p><a href="/root.crt" download="custos-root.crt">{text.rootLink}</a></p>
      <p class="field-hint">{text.rootPrint}</p>
      <code class="entry-print">{pairs(print.value)}</code>
    </>
  );
}

function Keep({ entered }: { entered: () => void }) {
  const site = useLoad((signal) => get<{ fingerprint?: string }>("/api/v1/site", {}, signal), []);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <main class="entry">
      <div class="entry-form entry-keep">
        <h1 ref={title} tabIndex={-1}>{text.keepTitle}</h1>
        <section>
          <h2><Icon name="key" />{text.kitTitle}</h2>
          <p>{text.kit}</p>
          <p class="field-hint">{text.kitWhere}</p>
        </section>
        <section>
          <h2><Icon name="verify" />{text.printTitle}</h2>
          <p>{text.print}</p>
          {site.problem ? <Notice problem={site.problem} again={site.again} /> : <code class="entry-print">{fours(site.value?.fingerprint ?? "")}</code>}
        </section>
        <section>
          <h2><Icon name="certificate" />{text.rootTitle}</h2>
          <Root />
        </section>
        <Button kind="main" onClick={entered}>{text.open}</Button>
      </div>
    </main>
  );
}

interface Props {
  setup: boolean;
  cut: boolean; // the session ended while somebody worked
  entered: () => void;
}

export function Entry({ setup, cut, entered }: Props) {
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [made, setMade] = useState(false);
  const [asked, setAsked] = useState(false); // for the root certificate
  const wait = useWait(problem);
  useEffect(() => {
    document.title = `${setup ? text.setupTitle : text.signInTitle} - ${strings.common.product}`;
  }, [setup]);
  const enter = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      if (setup) await ask("POST", "/api/v1/setup", { code: code.replace(/[\s-]/g, ""), name, password });
      else await ask("POST", "/api/v1/session", { name, password });
      setPassword("");
      if (setup) setMade(true);
      else entered();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
    } finally {
      setBusy(false);
    }
  };
  if (made) return <Keep entered={entered} />;
  const word = setup ? text.goSetup : text.go;
  const unready = setup && (!code || !name || passwordWrong(password, name) !== null);
  return (
    <main class="entry">
      <form class="entry-form" onSubmit={enter}>
        <p class="entry-product"><Icon name="verify" />{strings.common.product}</p>
        <h1>{setup ? text.setupTitle : text.signInTitle}</h1>
        {setup && <p>{text.setupAbout}</p>}
        {cut && !problem && <Notice kind="info" text={text.cut} />}
        {problem && <Notice problem={problem} />}
        {setup && (
          <Field label={text.code} value={code} onInput={setCode} hint={text.codeHint} autocomplete="one-time-code" spellcheck={false} autocapitalize="characters" required />
        )}
        <Field label={text.name} value={name} onInput={setName} autocomplete="username" autocapitalize="off" spellcheck={false} maxLength={64} required />
        <Password label={text.password} value={password} onInput={setPassword} fresh={setup} person={name} />
        <Button kind="main" type="submit" busy={busy} disabled={wait > 0 || unready}>{wait > 0 ? text.wait(wait) : word}</Button>
        {!setup && <p class="field-hint">{text.forgotten}</p>}
        <details class="entry-root" onToggle={(e) => e.currentTarget.open && setAsked(true)}>
          <summary>{text.rootTitle}</summary>
          {asked && <Root />}
        </details>
      </form>
    </main>
  );
}
