// SPDX-License-Identifier: GPL-3.0-or-later
// Around every page behind the sign-in: its name, the way to the others, who is signed in, and whether the server answers.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { strings } from "../strings";
import { Icon } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Notice } from "../ui/notice";
import { Spinner } from "../ui/spinner";
import { Toasts } from "../ui/toast";
import { useConnection } from "./connection";
import { Keys } from "./keys";
import { pageOf, pages, type PageRow } from "./pages";
import { PasswordDialog } from "./password";
import { follow, go, type Place } from "./route";
import { isAdministrator, useSession } from "./session";
import "./shell.css";

const text = strings.common;
const AT_HAND = 4; // of the pages, where the screen is narrow; the others are behind "More"

function Navigation({ path }: { path: string }) {
  const session = useSession();
  const shown = pages.filter((p) => p.title && (!p.administrator || isAdministrator(session)));
  const rest = shown.length > AT_HAND + 1 ? shown.slice(AT_HAND) : []; // one more alone has room itself
  const within = rest.some((p) => p.path === path);
  return (
    <nav class="shell-nav" aria-label={text.navigation}>
      {shown.map((p) => (
        <a key={p.path} class={rest.includes(p) ? "shell-rest" : undefined} href={p.path} onClick={follow} aria-current={p.path === path ? "page" : undefined}>
          {p.icon && <Icon name={p.icon} />}
          <span>{p.title}</span>
        </a>
      ))}
      {rest.length > 0 && (
        <div class={`shell-more${within ? " shell-within" : ""}`}>
          <Menu label={text.more} side="up" bare show={<><Icon name="more" /><span>{text.more}</span></>}
            choices={rest.map((p) => ({ text: p.title ?? "", icon: p.icon ?? undefined, run: () => go(p.path) }))} />
        </div>
      )}
    </nav>
  );
}

// The page of the address, once its part of the program is here.
function Content({ row, name }: { row: PageRow; name: string }) {
  const [drawn, setDrawn] = useState<{ row: PageRow; Draw: ComponentType<{ name: string }> | null } | null>(null);
  useEffect(() => {
    let wanted = true;
    row.load().then(
      (m) => wanted && setDrawn({ row, Draw: m.default }),
      () => wanted && setDrawn({ row, Draw: null }), // the server is away, or has another version by now
    );
    return () => {
      wanted = false;
    };
  }, [row]);
  if (drawn?.row !== row) return <Spinner />;
  if (!drawn.Draw) return <Notice text={text.notFetched} remedy={text.notFetchedRemedy} again={() => location.reload()} />;
  return <drawn.Draw name={name} key={name} />;
}

function Trouble() {
  const { reached, health } = useConnection();
  const away = reached && health && health.state !== "ok" ? health : null;
  return (
    <div class="shell-trouble" role="status">
      {!reached && <p class="shell-lost"><Icon name="warning" />{text.lost}</p>}
      {away && <p><Icon name="warning" />{away.text} {away.remedy}</p>}
    </div>
  );
}

export function Shell({ place, leave }: { place: Place; leave: () => void }) {
  const session = useSession();
  const found = pageOf(place.path);
  const main = useRef<HTMLElement>(null);
  const before = useRef(place.path);
  const [password, setPassword] = useState(false);
  useEffect(() => {
    document.title = found?.row.title ? `${found.row.title} - ${text.product}` : found?.name ? `${found.name} - ${text.product}` : text.product;
    if (before.current === place.path) return;
    before.current = place.path;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // who reads by ear begins with the new page
  }, [place.path]);
  return (
    <div class="shell">
      <a class="shell-skip" href="#content">{text.skipToContent}</a>
      <header class="shell-head">
        <a class="shell-product" href="/" onClick={follow}>{text.product}</a>
        <Navigation path={place.path} />
        <div class="shell-who">
          <Menu label={text.account(session.person)} bare show={<><Icon name="people" /><span class="shell-name">{session.person}</span></>}
            choices={[{ text: text.changePassword, icon: "key", run: () => setPassword(true) }, { text: text.signOut, icon: "leave", run: leave }]} />
        </div>
      </header>
      <Trouble />
      <main id="content" ref={main} class="shell-main" tabIndex={-1}>
        {found ? <Content row={found.row} name={found.name} /> : <Notice kind="error" text={text.notFound} remedy={text.notFoundRemedy} />}
      </main>
      {password && <PasswordDialog close={() => setPassword(false)} />}
      <Keys />
      <Toasts />
    </div>
  );
}
