// SPDX-License-Identifier: GPL-3.0-or-later
// What a test of a camera saw, step by step, and its certificate in parts with what can be done about it.
import { useState } from "preact/hooks";
import type { Schemas } from "../api";
import { day } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Checkbox } from "../ui/checkbox";
import { Icon, type IconName } from "../ui/icon";
import { Notice } from "../ui/notice";
import "./camera_look.css";

export type Test = Schemas["CameraTest"];
type Certificate = NonNullable<Test["certificate"]>;

const text = strings.cameras;

type StageState = "done" | "failed" | "open";
interface Stage {
  name: string;
  state: StageState;
  said: string;
}

const LOGIN_FAULTS = ["no-credentials", "wrong-password", "weaker-auth", "basic-only", "unknown-auth", "forbidden"];
const symbols: Record<StageState, IconName> = { done: "check", failed: "cross", open: "more" };

// The stages in their order: all before the first that is not done are done, all behind it were not reached.
function stagesOf(test: Test): Stage[] {
  const of = (step: string) => test.steps.filter((s) => s.step === step).map((s) => s.text);
  const connects = of("connect");
  const connect = connects.filter((t) => !t.endsWith(": no"));
  const tls = of("tls");
  const plain = tls.some((t) => t.startsWith("none"));
  const tracks = of("track");
  const login = of("login");
  const rate = test.frames ? text.measured(test.width, test.height, test.fps.toFixed(1), String(test.kbit_s)) : "";
  const passed: [string, boolean, string][] = [
    ["connect", connect.length > 0, connect[0] ?? connects[0] ?? ""],
    ["tls", tls.length > 0 || test.certificate !== null, plain ? text.plainWire : (tls[0] ?? (test.certificate ? text.tlsAnswered : ""))],
    ["certificate", plain || of("certificate").length > 0, of("certificate")[0] ?? ""],
    ["login", tracks.length > 0 || (of("sdp").length > 0 && !LOGIN_FAULTS.includes(test.fault)), login[0] ?? (of("sdp").length ? text.notAsked : "")],
    ["tracks", tracks.length > 0, tracks.join("; ")],
    ["picture", test.good, rate],
  ];
  const stop = passed.findIndex(([, done]) => !done);
  return passed.map(([name, , said], i): Stage => ({ name, said, state: stop < 0 || i < stop ? "done" : i === stop ? "failed" : "open" }));
}

function Stages({ test }: { test: Test }) {
  return (
    <ol class="look-stages" aria-label={text.steps}>
      {stagesOf(test).map((s) => (
        <li key={s.name} class={`look-stage look-${s.state}`}>
          <Icon name={symbols[s.state]} label={text.stageStates[s.state]} />
          <span class="look-name">{text.stages[s.name]}</span>
          <span class="look-said">{s.said}</span>
        </li>
      ))}
    </ol>
  );
}

// In groups of four: for the eye that compares.
export const Digits = ({ of }: { of: string }) => <code class="digits">{of.match(/.{1,4}/g)?.map((g, i) => <span key={i}>{g}</span>)}</code>;

function Parts({ certificate: c }: { certificate: Certificate }) {
  const range = c.from && c.until ? text.validityOf(day(c.from), day(c.until)) : "";
  const rows: [string, preact.ComponentChildren][] = [
    [text.subject, c.subject],
    [text.issuer, c.self_signed ? text.selfIssued : c.issuer],
    [text.names, c.names || text.noNames],
    [text.validity, range],
    [text.key, <Digits of={c.key} />],
  ];
  return (
    <>
      <dl class="look-parts">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <ul class="look-checks" aria-label={text.checks}>
        {(Object.entries(c.checks) as [keyof Certificate["checks"], boolean][]).map(([check, good]) => (
          <li key={check} class={`look-${good ? "done" : "failed"}`}>
            <Icon name={good ? "check" : "cross"} />
            {text.checkWords[check]?.[good ? "good" : "bad"]}
          </li>
        ))}
      </ul>
    </>
  );
}

interface ChoiceProps {
  certificate: Certificate;
  pin: (key: string) => void;
  addRoot: () => void;
}

// What is right when, the likeliest first; "without encryption" last, and never a button.
function Choices({ certificate: c, pin, addRoot }: ChoiceProps) {
  const [sure, setSure] = useState(false);
  const issuerKnown = c.checks.chain;
  const list: { name: string; when: string; right: boolean; more?: preact.ComponentChildren }[] = [];
  if (issuerKnown && !c.checks.name && c.names) list.push({ name: text.choiceName, when: text.choiceNameWhen(c.names), right: true });
  if (issuerKnown && !c.checks.date) list.push({ name: text.choiceRenew, when: text.choiceRenewWhen, right: true });
  list.push({ name: text.choiceIssue, when: text.choiceIssueWhen, right: !issuerKnown });
  list.push({
    name: text.choicePin,
    when: c.checks.key ? text.choicePinWhen : text.choicePinWeak,
    right: false,
    more: c.checks.key && (
      <>
        <Digits of={c.key} />
        <Checkbox label={text.choicePinSure} checked={sure} onInput={setSure} />
        <Button disabled={!sure} onClick={() => pin(c.key)}>{text.choicePinDo}</Button>
      </>
    ),
  });
  if (!issuerKnown && !c.self_signed) list.push({ name: text.choiceRoot, when: text.choiceRootWhen, right: false, more: <Button onClick={addRoot}>{text.choiceRootDo}</Button> });
  list.push({ name: text.choicePlain, when: text.choicePlainNot, right: false });
  return (
    <ul class="look-choices" aria-label={text.choices}>
      {list.map((l) => (
        <li key={l.name}>
          <h4>{l.name}{l.right && <span class="look-right">{text.rightOne}</span>}</h4>
          <p>{l.when}</p>
          {l.more}
        </li>
      ))}
    </ul>
  );
}

interface Props {
  test: Test;
  pinned: boolean; // by a pin already: no other is offered before it was taken away
  pin: (key: string) => void;
  addRoot: () => void;
}

export function Look({ test, pinned, pin, addRoot }: Props) {
  const protection = strings.common.protection[test.protection]?.about ?? "";
  const refused = test.certificate !== null && !test.steps.some((s) => s.step === "certificate");
  const besides = [test.lost_packets > 0 && text.lost(test.lost_packets), test.clock_offset_ms !== null && Math.abs(test.clock_offset_ms) >= 1000 && text.clock((test.clock_offset_ms / 1000).toFixed(1))].filter(Boolean).join("; ");
  // The remedy ends the text of many faults already.
  const words = test.text.split(" Fix: ")[0] ?? "";
  return (
    <section class="look">
      {test.good ? <Notice kind="good" text={text.good(protection)} remedy={besides} /> : <Notice kind="error" text={refused ? test.meaning : words || test.meaning} remedy={refused ? undefined : test.remedy} />}
      <h3>{text.steps}</h3>
      <Stages test={test} />
      {test.certificate && refused && (
        <>
          <h3>{text.certificate}</h3>
          <Parts certificate={test.certificate} />
          {!pinned && (
            <>
              <h3>{text.choices}</h3>
              <Choices certificate={test.certificate} pin={pin} addRoot={addRoot} />
            </>
          )}
        </>
      )}
      <details class="look-all">
        <summary>{text.said}</summary>
        <pre tabIndex={0}>{test.steps.map((s) => `${s.step.padEnd(12)} ${s.text}`).join("\n")}</pre>
      </details>
      <p class="field-hint">{text.byRecorder(test.recorder.split("/").pop() ?? "")}</p>
    </section>
  );
}
