#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log as the page reads it (GET /api/v1/audit, message audit.list): pages, filters, for administrators alone; that its chain
holds, and where it does not: a line that was changed, an end that was cut off, a log of many lines in pieces.
"""
import hashlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, password_file, wait_for
from page import Page

MANY = 45_000  # lines, 9 MB: some pieces


def lines_of(log):
    return [json.loads(line) for line in log.read_bytes().splitlines()]


def everything(page, query=""):
    """All pages of a filter; as the page does it, also over those that hold nothing."""
    items, after = [], ""
    for _ in range(200):
        told = page.get(f"/api/v1/audit?limit=3{query}{after}").ok()
        check(len(told["items"]) <= 3, f"no more than was asked for: {len(told['items'])}")
        items += told["items"]
        if not told["more"]:
            check(told["after"] is None, f"the end: {told['after']}")
            return items
        after = f"&after={told['after']}"
    raise AssertionError("pages without an end")


def same(item, line):
    told = {k: v for k, v in line.items() if k not in ("v", "n", "time", "event", "previous", "hash")}
    return item["told"] == told and all(item[k] == line[k] for k in ("n", "time", "event", "hash"))


def reading(page, log):
    want = lines_of(log)[::-1]
    have = everything(page)
    check(len(have) >= len(want) and all(same(i, l) for i, l in zip(have[-len(want):], want, strict=True)), f"every line, the newest first: {have} {want}")
    text = log.read_bytes()
    check(all(text[i["at"]:].startswith(b'{"v":1,"n":%d,' % i["n"]) for i in have), "each with its place in the file")
    whole = page.get("/api/v1/audit").ok()["chain"]
    last = lines_of(log)[-1]
    check(whole["state"] == "whole" and whole["last"] == last["hash"] and whole["lines"] == last["n"] and whole["broken"] == [], f"it holds: {whole}")


def filters(page, log):
    lines = lines_of(log)
    cameras = [i["event"] for i in everything(page, "&type=camera")]
    check(cameras and all(e.startswith("camera.") for e in cameras), f"a part of an event's name: {cameras}")
    check([i["event"] for i in everything(page, "&type=camera.removed")] == ["camera.removed"], "an event")
    check(everything(page, "&type=cam") == [], "not any beginning of one")
    by = everything(page, "&person=erika")
    check(by and all("Erika" in (i["told"].get("by", ""), i["told"].get("person")) or i["told"].get("by", "").startswith("Erika (gateway ") for i in by),
          f"by a person and about one: {by}")
    check(everything(page, "&person=Erik") == [], "not the beginning of a name")
    middle = lines[len(lines) // 2]["time"]
    check(all(i["time"] <= middle for i in everything(page, f"&until={middle}")), "up to a time")
    late = everything(page, f"&from={middle}")
    check(late and all(i["time"] >= middle for i in late), f"from a time on: {late}")
    check(everything(page, "&from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z") == [], "nothing of then")


def refusals(page, viewer):
    viewer.get("/api/v1/audit").problem(403, "denied")
    page.get("/api/v1/audit", cookie=False).problem(401)
    for query in ("limit=0", "limit=201", "limit=x", "from=yesterday", "after=-1", f"person={'x' * 300}", "unknown=1"):
        page.get(f"/api/v1/audit?{query}").problem(400, "invalid")
    end = page.get("/api/v1/audit?after=9999999999999").ok()
    check(end["items"] and end["items"][0]["n"] == end["chain"]["lines"], "a place behind its end is its end")
    check(page.get("/api/v1/audit?after=5").ok()["more"] is False, "a place that no page gave is no harm")


def foreign(page, log):
    """What somebody else changes in the file while the manager runs."""
    good = log.read_bytes()
    lines = good.splitlines(keepends=True)
    log.write_bytes(good.replace(b'"camera":"two"', b'"camera":"owt"', 1))
    chain = page.get("/api/v1/audit").ok()["chain"]
    check(chain["state"] == "broken" and [b["line"] for b in chain["broken"]] == [1 + next(i for i, l in enumerate(lines) if b'"two"' in l)],
          f"a changed line is named: {chain}")
    hit = chain["broken"][0]
    item = next(i for i in everything(page) if i["at"] == hit["at"])
    check(item["told"]["camera"] == "owt" and "changed" in hit["why"], f"and which of the list it is: {item} {hit}")
    log.write_bytes(good)
    check(page.get("/api/v1/audit").ok()["chain"]["state"] == "whole", "as it was")
    log.write_bytes(b"".join(lines[:-1]))
    chain = page.get("/api/v1/audit").ok()["chain"]
    check(chain["state"] == "broken" and "cut off" in chain["broken"][0]["why"], f"its end is gone, which its chain alone cannot tell: {chain}")
    log.write_bytes(good + b"no line\n")
    told = page.get("/api/v1/audit").ok()
    check(told["items"][0]["event"] == "" and told["items"][0]["n"] is None and told["chain"]["state"] == "broken", f"what is no line: {told['items'][0]}")
    log.write_bytes(good)
    check(page.get("/api/v1/audit").ok()["chain"]["state"] == "whole", "as it was")


def test_pages_filters_and_the_chain(folder):
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        page.add("Otto", role="viewer")
        for name in ("one", "two"):
            site.add(name, "rtsps://127.0.0.1:1/x", "operator", password_file(folder))
        page.delete("/api/v1/cameras/one").ok()
        log = site.state / "audit.log"
        reading(page, log)
        filters(page, log)
        refusals(page, page.other("Otto"))
        foreign(page, log)
        # What is written behind all that goes on, and is checked behind what was.
        page.delete("/api/v1/cameras/two").ok()
        reading(page, log)


def grown(log, n):
    """A log of n more lines, made as docs/spec/audit.md says it."""
    last = lines_of(log)[-1]
    number, previous, out = last["n"], last["hash"], []
    for i in range(n):
        number += 1
        told = f',"camera":"cam-{i}","by":"root"' if i else ',"camera":"needle","by":"Ada (gateway main)"'
        head = f'{{"v":1,"n":{number},"time":"{last["time"]}","event":"camera.removed"{told},"previous":"{previous}"'
        previous = hashlib.sha256(head.encode()).hexdigest()
        out.append(f'{head},"hash":"{previous}"}}\n')
    with open(log, "a") as f:
        f.write("".join(out))
    return number


def test_a_long_log(folder):
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        site.stop()
        log = site.state / "audit.log"
        total = grown(log, MANY)
        site.start()
        wait_for(lambda: site.log().count("gateway.serves") == 2, 20, "the gateway serves again")
        page = Page(site)
        wait_for(lambda: page.get("/api/health", cookie=False).json["manager"] == "connected", 20, "it has its manager again")
        page.sign_in()
        began = page.get("/api/v1/audit?limit=1").ok()["chain"]
        check(began["state"] == "checking" and 0 < began["bytes"] < began["bytes_total"], f"a piece of it beside the first page: {began}")
        chain = []
        wait_for(lambda: chain.append(page.get("/api/v1/audit?limit=1").ok()["chain"]) or chain[-1]["state"] != "checking", 60, "it goes on by itself")
        check(chain[-1]["state"] == "whole" and chain[-1]["lines"] > total, f"to its end: {chain[-1]}")
        pages, after, found = 0, "", []
        while True:
            told = page.get(f"/api/v1/audit?person=Ada&limit=200{after}").ok()
            pages, found = pages + 1, found + told["items"]
            if not told["more"]:
                break
            check(told["searched"], "how far it was searched")
            after = f"&after={told['after']}"
        check([i["told"]["camera"] for i in found] == ["needle"] and pages >= 3, f"one line of {MANY}, in {pages} pieces: {found}")


main(globals())
