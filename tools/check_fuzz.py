#!/usr/bin/python3
"""Every parser of bytes from outside is reached by a fuzz target.

A parser is a function of a header whose name ends in _parse, _pull, _push, _feed, ... (VERBS) and that takes bytes or text. It is reached when a target (test/fuzz/fuzz_*.c) names it, or names a function that names it, over any number of steps;
what a table of functions holds counts as named by the table. Targets must be built, and have seeds.

Prints one line a fault and exits 1 when there is one.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_style import functions  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SRC, FUZZ = ROOT / "src", ROOT / "test/fuzz"
VERBS = "parse|pull|push|feed|put_record|decode|unprotect|unwrap|crls|resolve|unhex|unbase64|challenge|inspect"
BYTES = re.compile(r"struct bytes\b|const char \*|const uint8_t \*|struct depay_packet|struct rtp_packet")

# Name: why no target is needed.
EXCEPTIONS = {
    "cli_args_parse": "the person who starts the program",
    "segment_writer_push": "units that depay has cut out",
    "unit_queue_push": "units that depay has cut out",
    "grant_trust_crls": "x509_crl_number is all that looks into the list",
    "sealer_grants_crls": "grant_trust_crls",
    "worker_grants_on_crls": "grant_trust_crls",
    "str_parse_time": "the person who starts the program, and what was made here",
    "vault_inspect": "walks directories; segment_inspect has what is in the files",
    "x509_crl_reason_parse": "one word out of eight, from the person who starts the program",
}


def sources():
    for path in sorted(SRC.rglob("*.[ch]")):
        yield path, path.read_text()


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def parsers():
    """(name, header) of what the headers declare."""
    found = {}
    for path, text in sources():
        if path.suffix != ".h":
            continue
        for m in re.finditer(rf"\b(\w+_(?:{VERBS}))\s*\(([^;{{}}]*)\)[\w\s]*;", without_comments(text)):
            if BYTES.search(m.group(2)):
                found.setdefault(m.group(1), path)
    return found


def graph():
    """What each function and each table of the tree names."""
    words = re.compile(r"\b[a-z]\w+\b")
    names = {}
    for path, text in sources():
        text = without_comments(text)
        lines = text.splitlines()
        for name, first, last, _ in functions(text):
            names.setdefault(name, set()).update(words.findall("\n".join(lines[first - 1:last])))
        for m in re.finditer(r"^(?:static\s+)?const\s[^;{}()]*?\b(\w+)(?:\[\w*\])?\s*=\s*\{(.*?)^\};", text, re.S | re.M):
            names.setdefault(m.group(1), set()).update(words.findall(m.group(2)))
    return names


def reached(names):
    todo = set()
    for path in FUZZ.glob("fuzz_*.[ch]"):
        todo.update(re.findall(r"\b[a-z]\w+\b", without_comments(path.read_text())))
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo |= names.get(name, set()) - seen
    return seen


def main():
    faults = []
    found, seen = parsers(), reached(graph())
    for name, path in sorted(found.items()):
        if name not in seen and name not in EXCEPTIONS:
            faults.append(f"{path.relative_to(ROOT)}: no fuzz target reaches {name}")
    for name in EXCEPTIONS:
        if name in seen and name in found:
            faults.append(f"tools/check_fuzz.py: {name} is excepted, and a target reaches it")
    built = (FUZZ / "targets/meson.build").read_text()
    for path in sorted(FUZZ.glob("fuzz_*.c")):
        stem = path.stem[5:]
        if f"'{stem}'" not in built:
            faults.append(f"{path.relative_to(ROOT)}: not in test/fuzz/targets/meson.build")
        if not any((FUZZ / "corpus" / stem).glob("*")):
            faults.append(f"{path.relative_to(ROOT)}: no seeds in test/fuzz/corpus/{stem}")
    for line in faults:
        print(line)
    if "-v" in sys.argv:
        for name in sorted(found):
            print(f"{'reached' if name in seen else '-':8} {name}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
