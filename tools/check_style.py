#!/usr/bin/python3
"""The house rules that a machine can check (STYLE.md): layers, lengths, unique stems, prefixes, banned calls.

Prints one line a fault and exits 1 when there is one. The length lists may only shrink.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
FUNCTION_MAX, FILE_MAX = 100, 800
# Exceptions, by name. To add one is to lose the argument.
LONG_FUNCTIONS: set = set()
LONG_FILES: set = set()
BANNED = {
    "strcpy": "snprintf", "strcat": "buf_append", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "read",
    "strtok": "a view", "atoi": "str_uint", "atol": "str_uint", "system": "proc_start", "popen": "proc_start",
    "rand": "random_bytes", "random": "random_bytes", "alloca": "buf", "malloc": "xcalloc or buf", "usleep": "timer_start",
}
MALLOC_OK = {"base/own.c", "base/buf.c", "base/blob.c"}
faults = []


def fault(path, line, text):
    faults.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def read_layers():
    layers = {}
    for line in (SRC / "layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, _, needs = line.partition(":")
            layers[name.strip().rstrip("*")] = (name.strip().endswith("*"), set(needs.split()))
    return layers


PURE_BANNED = re.compile(
    r"#\s*include\s*<(sys/socket|netinet/|arpa/|netdb|fcntl|sys/stat|sys/mman|unistd|pthread|time|sys/time|uv)\b.*>|#\s*include\s*\"base/log")


def check_layers():
    layers = read_layers()
    for path in sorted(SRC.rglob("*.[ch]")):
        rel = path.relative_to(SRC)
        folder = rel.parts[0] if len(rel.parts) > 1 else "main"
        if folder not in layers:
            fault(path, 1, f"folder {folder} is not in src/layers.txt")
            continue
        pure, allowed = layers[folder]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*"([a-z0-9_]+)/', line)
            if m and m.group(1) != folder and m.group(1) not in allowed:
                fault(path, number, f"{folder} may not include {m.group(1)} (src/layers.txt)")
            if m is None and re.match(r'\s*#\s*include\s*"', line):
                fault(path, number, "include by folder: \"folder/file.h\"")
            if pure and folder != "base" and PURE_BANNED.search(line):
                fault(path, number, f"{folder} is pure: no sockets, files, clock, threads, logging")


def functions(text):
    """(name, first line, last line) of each function with its brace on a line of its own in column 0, or one-line macros not."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line != "{":
            continue
        end = next((j for j in range(i + 1, len(lines)) if lines[j] == "}"), None)
        if end is None:
            continue
        head = i - 1
        while head > 0 and lines[head - 1] and not lines[head - 1].startswith(("}", "#", "/", " *")) and not lines[head - 1].endswith(";"):
            head -= 1
        signature = " ".join(lines[head:i])
        m = re.search(r"(\w+)\s*\(", signature)
        yield (m.group(1) if m else "?", i + 1, end + 1, signature)


def check_lengths_and_names():
    for path in sorted(SRC.rglob("*.c")):
        text = path.read_text()
        rel = str(path.relative_to(SRC))
        n = text.count("\n")
        if n > FILE_MAX and rel not in LONG_FILES:
            fault(path, 1, f"{n} lines, at most {FILE_MAX}: one subject a file")
        stem = path.stem
        for name, first, last, signature in functions(text):
            if last - first - 1 > FUNCTION_MAX and f"{rel}:{name}" not in LONG_FUNCTIONS:
                fault(path, first, f"{name} has {last - first - 1} lines, at most {FUNCTION_MAX}")
            if not signature.startswith("static") and stem not in ("main", "own") and not name.startswith((stem, "x509", "LOG_")):
                # A header may own several files of one prefix: fmp4.c, fmp4_read.c.
                if not any(name.startswith(h.stem) for h in path.parent.glob("*.h") if stem.startswith(h.stem)):
                    ok = any(re.search(rf"\b{name}\s*\(", h.read_text()) for h in path.parent.glob(stem + ".h"))
                    if not ok:
                        fault(path, first, f"{name} does not carry the prefix {stem}_")


def check_cleanups():
    """What a scope's end frees has a value from the first return on: a compiler does not see it through CLEANUP."""
    for path in [p for folder in ("src", "test", "bench") for p in sorted((ROOT / folder).rglob("*.c"))]:
        text = path.read_text()
        for m in re.finditer(r"CLEANUP\(\w+\)\s*struct \w+ ([\w, ]+);", text):
            for name in m[1].replace(" ", "").split(","):
                used = re.search(rf"&{name}\b", text[m.end():])
                if not used or re.search(r"\breturn\b", text[m.end():m.end() + used.start()]):
                    fault(path, text.count("\n", 0, m.start()) + 1, f"{name} is freed without a value where this returns early: init it first")


def check_stems():
    seen = {}
    for path in sorted(SRC.rglob("*.c")):
        if path.stem in seen:
            fault(path, 1, f"stem {path.stem} is also {seen[path.stem].relative_to(ROOT)}")
        seen[path.stem] = path


def check_calls():
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in sorted(SRC.rglob("*.c")):
        rel = str(path.relative_to(SRC))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = re.sub(r'"(\\.|[^"\\])*"|//.*|/\*.*?\*/|^\s*\*.*', "", line)
            m = pattern.search(code)
            if m and not (m.group(1) == "malloc" and rel in MALLOC_OK):
                fault(path, number, f"{m.group(1)}(): use {BANNED[m.group(1)]}")


def check_text():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in names.stdout.splitlines():
        path = ROOT / name
        if path.suffix not in (".c", ".h", ".py", ".sh", ".md", ".build", ".txt") or not path.is_file():
            continue
        if "corpus" in path.parts or name.startswith("test/data/"):
            continue
        text = path.read_text(errors="replace")
        if text and not text.endswith("\n"):
            fault(path, text.count("\n") + 1, "no newline at the end")
        if path.suffix in (".c", ".h") and "SPDX-License-Identifier: GPL-3.0-or-later" not in text[:120]:
            fault(path, 1, "no SPDX line")
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip():
                fault(path, number, "trailing space")
            if "\t" in line and path.suffix in (".c", ".h", ".py"):
                fault(path, number, "tab")
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line) and path.name != "check_style.py":
                fault(path, number, "left open: finish it or write an issue")


def main():
    for check in (check_layers, check_lengths_and_names, check_cleanups, check_stems, check_calls, check_text):
        check()
    for line in faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
