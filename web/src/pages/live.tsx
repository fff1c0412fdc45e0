// SPDX-License-Identifier: GPL-3.0-or-later
// The wall of cameras: n by n pictures, more on further pages; one of them enlarged is part of the address.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useCameras, type Camera } from "../app/cameras";
import { useKeys } from "../app/keys";
import { follow, go, usePlace } from "../app/route";
import { isAdministrator, useSession } from "../app/session";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Segmented } from "../ui/segmented";
import { Tile } from "./tile";
import "./live.css";

const text = strings.grid;
const KEPT = "custos.layout";
const SIDES = ["1", "2", "3", "4", "5", "6"] as const;
type Side = (typeof SIDES)[number];
const LAYOUTS = SIDES.map((side) => ({ value: side, text: text.layoutOf(Number(side) ** 2), show: String(Number(side) ** 2) }));
const isSide = (s: string | null): s is Side => SIDES.some((x) => x === s);

function useSide(): [Side, (side: Side) => void] {
  const [side, setSide] = useState<Side>(() => {
    const kept = localStorage.getItem(KEPT);
    return isSide(kept) ? kept : "2";
  });
  return [side, (to) => {
    localStorage.setItem(KEPT, to);
    setSide(to);
  }];
}

const seenOf = (c: Camera): boolean => [...c.states.values()].some((s) => s.state === "streaming");

interface BarProps {
  cameras: Camera[];
  side: Side;
  setSide: (side: Side) => void;
  page: number;
  pages: number;
  setPage: (page: number) => void;
  search: string;
  setSearch: (text: string) => void;
  enter: () => void;
  full: () => void;
}

function Bar({ cameras, side, setSide, page, pages, setPage, search, setSearch, enter, full }: BarProps) {
  const box = useRef<HTMLInputElement>(null);
  useKeys([{ keys: ["/"], show: text.keys.shownSearch, about: text.keys.search, run: () => box.current?.focus() }]);
  const unseen = cameras.filter((c) => !seenOf(c)).length;
  return (
    <div class="live-bar">
      <label class="live-search">
        <Icon name="search" />
        <span class="sr-only">{text.search}</span>
        <input ref={box} type="search" value={search} placeholder={text.searchShort} spellcheck={false} autocomplete="off"
          onInput={(e) => setSearch(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === "Enter") enter();
            else if (e.key === "Escape") {
              setSearch("");
              e.currentTarget.blur();
            }
          }} />
      </label>
      <p class="live-count">{text.count(cameras.length)}{unseen > 0 && <span class="live-unseen"><Icon name="warning" />{text.unseen(unseen)}</span>}</p>
      {pages > 1 && (
        <div class="live-pages">
          <Button kind="bare" aria-label={text.previous} disabled={page === 0} onClick={() => setPage(page - 1)}><Icon name="back" /></Button>
          <span role="status">{text.page(page + 1, pages)}</span>
          <Button kind="bare" aria-label={text.next} disabled={page === pages - 1} onClick={() => setPage(page + 1)}><Icon name="forward" /></Button>
        </div>
      )}
      <Segmented label={text.layout} value={side} onInput={setSide} options={LAYOUTS} />
      <Button kind="bare" aria-label={text.full} title={text.full} onClick={full}><Icon name="full" /></Button>
    </div>
  );
}

// Arrows walk over the pictures.
function walk(e: KeyboardEvent, columns: number): void {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[e.key];
  if (!step) return;
  const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".tile-open")];
  const to = all[all.indexOf(e.target as HTMLElement) + step];
  if (!to || !all.includes(e.target as HTMLElement)) return;
  e.preventDefault();
  to.focus();
}

function Skeleton({ side }: { side: Side }) {
  return (
    <div class="live" aria-busy="true">
      <div class="live-bar" />
      <ul class="live-grid" data-side={side}>{Array.from({ length: Number(side) ** 2 }, (_, i) => <li key={i} class="live-cell" />)}</ul>
      <span class="sr-only" role="status">{strings.common.loading}</span>
    </div>
  );
}

export default function Live() {
  const cameras = useCameras();
  const place = usePlace();
  const administrator = isAdministrator(useSession());
  const [side, setSide] = useSide();
  const [page, setPage] = useState(0);
  const [search, setSearch] = useState("");
  const grid = useRef<HTMLUListElement>(null);
  const pushed = useRef(false);
  const large = place.query.get("camera");

  // Rooms with screens are dark, whatever the device says.
  useLayoutEffect(() => {
    document.documentElement.dataset.dark = "";
    return () => {
      delete document.documentElement.dataset.dark;
    };
  }, []);

  const all = cameras.value ?? [];
  const found = all.filter((c) => c.name.includes(search.trim().toLowerCase()));
  const room = Number(side) ** 2;
  const pages = Math.max(1, Math.ceil(found.length / room));
  const at = Math.min(page, pages - 1);
  const onPage = found.slice(at * room, (at + 1) * room);
  const chosen = large === null ? undefined : all.find((c) => c.name === large);
  const shown = chosen && !onPage.includes(chosen) ? [...onPage.slice(0, room - 1), chosen] : onPage;

  const enlarge = (name: string) => {
    pushed.current = true;
    go(`/?camera=${encodeURIComponent(name)}`);
  };
  const shrink = () => {
    if (pushed.current) history.back();
    else go("/", true);
    pushed.current = false;
  };
  const seek = (name: string) => {
    setSearch(name);
    setPage(0);
  };
  const full = () => void (document.fullscreenElement ? document.exitFullscreen() : grid.current?.requestFullscreen().catch(() => {}));
  useKeys([
    { keys: [...SIDES], show: text.keys.shownLayout, about: text.keys.layout, run: (key) => isSide(key) && setSide(key) },
    { keys: ["PageUp"], show: text.keys.shownUp, about: text.previous, run: () => setPage(Math.max(0, at - 1)) },
    { keys: ["PageDown"], show: text.keys.shownDown, about: text.next, run: () => setPage(Math.min(pages - 1, at + 1)) },
    { keys: ["f"], show: text.keys.shownFull, about: text.keys.full, run: full },
    { keys: [], show: text.keys.shownArrows, about: text.keys.move, run: () => {} },
    { keys: [], show: text.keys.shownEnter, about: text.keys.enlarge, run: () => {} },
    { keys: ["Escape"], show: text.keys.shownEscape, about: text.keys.shrink, run: () => chosen && shrink() },
  ]);

  if (!cameras.value) return cameras.problem ? <Notice problem={cameras.problem} again={cameras.again} /> : <Skeleton side={side} />;
  if (!all.length)
    return (
      <Empty title={text.emptyTitle} text={text.emptyText}>
        {administrator ? <a class="button button-main" href="/cameras" onClick={follow}>{text.add}</a> : <p>{text.emptyViewer}</p>}
      </Empty>
    );
  const columns = Math.min(Number(side), Math.max(1, shown.length));
  return (
    <div class="live">
      <h1 class="sr-only">{strings.common.pages.live}</h1>
      <Bar cameras={all} side={side} setSide={setSide} page={at} pages={pages} setPage={setPage} search={search} setSearch={seek}
        enter={() => found[0] && enlarge(found[0].name)} full={full} />
      {cameras.problem && cameras.problem.status !== 0 && <Notice problem={cameras.problem} again={cameras.again} />}
      {shown.length === 0 ? (
        <Empty title={text.noneTitle} text={text.none(search)}><Button onClick={() => setSearch("")}>{text.all}</Button></Empty>
      ) : (
        <ul ref={grid} class="live-grid" data-side={columns} onKeyDown={(e) => walk(e, columns)}>
          {shown.map((c) => (
            <li key={c.name} class={`live-cell${c === chosen ? " live-large" : ""}`} inert={!!chosen && c !== chosen}>
              <Tile camera={c} large={c === chosen} hidden={!!chosen && c !== chosen} toggle={() => (c === chosen ? shrink() : enlarge(c.name))} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
