"""Parses each file named on the command line as T-SQL; prints what it cannot read, with its place."""

import pathlib
import sys

from sqlfluff.core import FluffConfig, Linter

# "raw": nothing in our files is a template.
linter = Linter(config=FluffConfig(overrides={"dialect": "tsql", "templater": "raw"}))
wrong = 0
for name in sys.argv[1:]:
    parsed = linter.parse_string(pathlib.Path(name).read_text(encoding="utf-8"))
    found = [f"{v.line_no}:{v.line_pos}: {v.desc()}" for v in parsed.violations]
    variant = parsed.root_variant()
    if variant is None or variant.tree is None:
        found.append("1:1: could not be read at all")
    else:
        found += [f"{u.pos_marker.line_no}: {u.raw[:100]!r}" for u in variant.tree.recursive_crawl("unparsable")]
    wrong += len(found)
    for one in found:
        print(f"{name}:{one}")
print(f"{len(sys.argv) - 1} files, {wrong} faults")
sys.exit(1 if wrong else 0)
