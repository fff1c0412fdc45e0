// SPDX-License-Identifier: GPL-3.0-or-later
// Around every page behind the sign-in: its name, the way to the others, who is signed in.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Spinner } from "../ui/spinner";
import { Toasts } from "../ui/toast";
import { pageOf, pages } from "./pages";
import { follow, type Place } from "./route";
import { isAdministrator, useSession } from "./session";
import "./shell.css";

const text = strings.common;

function Navigation({ path }: { path: string }) {
  const session = useSession();
  const shown = pages.filter((p) => p.title && (!p.administrator || isAdministrator(session)));
  return (
    <nav class="shell-nav" aria-label={text.navigation}>
      {shown.map((p) => (
        <a key={p.path} href={p.path} onClick={follow} aria-current={p.path === path ? "page" : undefined}>
          {p.icon && <Icon name={p.icon} />}
          <span>{p.title}</span>
        </a>
      ))}
    </nav>
  );
}

export function Shell({ place, leave }: { place: Place; leave: () => void }) {
  const session = useSession();
  const found = pageOf(place.path);
  const [page, setPage] = useState<{ path: string; Draw: ComponentType<{ name: string }> } | null>(null);
  useEffect(() => {
    let wanted = true;
    if (found) void found.row.load().then((m) => wanted && setPage({ path: found.row.path, Draw: m.default }));
    document.title = found?.row.title ? `${found.row.title} - ${text.product}` : text.product;
    return () => {
      wanted = false;
    };
  }, [found?.row.path]);
  const Draw = page && page.path === found?.row.path ? page.Draw : null;
  return (
    <div class="shell">
      <a class="shell-skip" href="#content">{text.skipToContent}</a>
      <header class="shell-head">
        <span class="shell-product">{text.product}</span>
        <Navigation path={place.path} />
        <span class="shell-who">{session.person}</span>
        <Button kind="quiet" onClick={leave}>{text.signOut}</Button>
      </header>
      <main id="content" class="shell-main" tabIndex={-1}>
        {!found ? <Notice kind="error" text={text.notFound} remedy={text.notFoundRemedy} /> : Draw ? <Draw name={found.name} key={found.name} /> : <Spinner />}
      </main>
      <Toasts />
    </div>
  );
}
