"""What web pages, word processors and chat windows do to a manifest, recognised and named with its repair.

Two views of one table.  `in_scalar` judges a plain (unquoted) scalar of text that YAML can read: a curly quote inside a
quoted sentence or a comment is nobody's mistake.  `in_text` judges the lines of text that YAML cannot read, where only
straight-quoted strings and comments can be set aside.  `misplaced` judges whole documents whose indentation was lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from trunkline.kit import problems
from trunkline.kit.manifests.document import Document, Place
from trunkline.kit.problems import Problem

QUOTES = problems.register("TRK-0020", "A manifest has typographic quotes where YAML wants straight ones.")
DASHES = problems.register("TRK-0021", "A manifest has a typographic dash or bullet where YAML wants a hyphen.")
SPACES = problems.register("TRK-0022", "A manifest has invisible or non-breaking spaces.")
FULL_WIDTH = problems.register("TRK-0023", "A manifest has full-width punctuation where YAML wants ASCII.")
NEWLINES = problems.register("TRK-0024", "A manifest has lost its line breaks.")
PIPES = problems.register("TRK-0025", "A manifest has a table border at the end of a line.")
TABS = problems.register("TRK-0026", "A manifest is indented with tabs.")
MISPLACED = problems.register("TRK-0027", "A manifest has lost the indentation of a block's fields.")
CODES = frozenset({QUOTES, DASHES, SPACES, FULL_WIDTH, NEWLINES, PIPES, TABS, MISPLACED})

_INVISIBLE = "\u00a0\u2007\u202f\u3000\u200b\ufeff"
_INVISIBLE_NAMES = {
    "\u00a0": "a non-breaking space",
    "\u2007": "a figure space",
    "\u202f": "a narrow non-breaking space",
    "\u3000": "a full-width space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
KEY = r"[A-Za-z_][\w./-]*"
_STRAIGHT = re.compile(r"""(?<![^\s:,\[{-])("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_BLOCK_SCALAR = re.compile(rf"(?:{KEY}:|^|-)\s+\|\s*$")
_FIRST_KEY = re.compile(rf"\s*(?:- )?{KEY}:\s")
_NEXT_KEY = re.compile(rf"(?<=\s){KEY}:(?=\s|$)")


class Mark(msgspec.Struct, frozen=True):
    """A kind of damage: how to see it in text, and what to say about it."""

    code: str
    in_line: re.Pattern[str]
    in_plain: re.Pattern[str]
    allowed: str
    hint: str


_MARKS = (
    Mark(
        QUOTES,
        re.compile(r"[“”„‟‘’‚‛]"),
        re.compile(r"^[“”„‟‘’‚‛]|[“”„‟‘’‚‛]$"),
        "YAML wants the straight quotes \" or '",
        "replace the pair with straight quotes, or leave them out",
    ),
    Mark(
        DASHES,
        re.compile(r"(?:(?<=^)|(?<=\s))[–—−•·](?=\s)"),
        re.compile(r"^[–—−•·]\s"),
        "YAML wants a hyphen and a space before a list item",
        "replace it with `- `",
    ),
    Mark(
        SPACES,
        re.compile(f"[{_INVISIBLE}]"),
        re.compile(rf"^[{_INVISIBLE}]|[{_INVISIBLE}]$|^{KEY}:[{_INVISIBLE}]"),
        "YAML wants ordinary spaces",
        "replace it with an ordinary space",
    ),
    Mark(
        FULL_WIDTH,
        re.compile(r"[\uff01-\uff5e]"),
        re.compile(rf"^{KEY}\uff1a|^[\uff0d\uff02\uff07]|[\uff02\uff07]$"),
        "YAML wants ASCII punctuation",
        "type it again with the keyboard set to Latin letters",
    ),
    Mark(
        PIPES,
        re.compile(r"(?<=\S)\s+\|\s*$"),
        re.compile(r"\S\s+\|$"),
        "a `|` stands only directly after a key",
        "delete it; it is the border of the table the text was copied from",
    ),
)


def in_scalar(text: str, place: Place) -> Iterator[Problem]:
    """What is wrong with a plain scalar that begins at `place`."""
    if text.isascii() and "|" not in text:
        return
    for mark in _MARKS:
        if match := mark.in_plain.search(text):
            yield _problem(mark, match, text, place)


def in_text(text: str, name: str, error_line: int) -> list[Problem]:
    """What is wrong with text that YAML cannot read; `error_line` (from 1) is where the parser gave up.

    Each kind of damage is reported once a line, at its first place.
    """
    found: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        in_line = list(_in_line(line, name, number, parser_stopped=number == error_line))
        found += [problem for _place, problem in sorted(in_line, key=lambda each: each[0].column)]
    return found


def _in_line(line: str, name: str, number: int, *, parser_stopped: bool) -> Iterator[tuple[Place, Problem]]:
    bare = masked(line)
    for mark in _MARKS:
        if mark.code == PIPES and _BLOCK_SCALAR.search(bare):
            continue
        if match := mark.in_line.search(bare):
            place = Place(name, number, match.start() + 1)
            yield place, _problem(mark, match, bare, place)
    if tab := re.match(r" *\t", line):
        place = Place(name, number, tab.end())
        yield place, _tab(place)
    if parser_stopped or re.match(r"\s*(?:apiVersion|kind):", bare):
        yield from _lost_newlines(bare, Place(name, number, 1))


def _tab(place: Place) -> Problem:
    return Problem(
        code=TABS,
        object=str(place),
        found="a tab in the indentation",
        allowed="YAML wants spaces",
        hint="replace each tab with two spaces",
    )


def masked(line: str) -> str:
    """The line with straight-quoted strings and comments blanked, so that columns stay as they are."""
    line = _STRAIGHT.sub(lambda match: "_" * len(match[0]), line)
    return _COMMENT.sub(lambda match: " " * len(match[0]), line)


def _lost_newlines(bare: str, line: Place) -> Iterator[tuple[Place, Problem]]:
    first = _FIRST_KEY.match(bare)
    if first is None or "{" in bare:
        return
    others = list(_NEXT_KEY.finditer(bare, first.end() - 1))
    if not others:
        return
    place = Place(line.name, line.line, others[0].start() + 1)
    yield (
        place,
        Problem(
            code=NEWLINES,
            object=str(place),
            found=f"`{others[0][0]}` behind another key ({len(others) + 1} keys on one line)",
            allowed="each key stands on a line of its own",
            hint="break the line before each key and indent the keys of a block by two spaces",
        ),
    )


def _problem(mark: Mark, match: re.Match[str], text: str, place: Place) -> Problem:
    character = next((char for char in match[0] if not char.isascii()), "|")
    name = _INVISIBLE_NAMES.get(character, f"{character} (U+{ord(character):04X})")
    excerpt = text[max(0, match.start() - 12) : match.end() + 20].strip()
    return Problem(
        code=mark.code, object=str(place), found=f"{name} near `{excerpt}`", allowed=mark.allowed, hint=mark.hint
    )


_TOP_LEVEL = """
    apiVersion kind metadata spec status data stringData binaryData immutable type rules roleRef subjects webhooks
    aggregationRule provisioner parameters secrets imagePullSecrets automountServiceAccountToken items handler value
    globalDefault description preemptionPolicy reclaimPolicy volumeBindingMode allowVolumeExpansion mountOptions
    involvedObject reason message source count subsets endpoints ports addressType request response
"""
TOP_LEVEL = frozenset(_TOP_LEVEL.split())
"""Fields that stand at column 0 of some Kubernetes object."""

IN_METADATA = frozenset(("name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences"))
"""Fields of `metadata` that people write."""


def misplaced(documents: Sequence[Document]) -> list[Problem]:
    """Blocks that are null while their fields stand at the document's top level."""
    return [problem for document in documents for problem in _misplaced(document)]


def _misplaced(document: Document) -> Iterator[Problem]:
    value = document.value
    if not {"apiVersion", "kind"} <= value.keys():
        return
    for block in ("metadata", "spec"):
        strays = strays_of(block, list(value)) if block in value and value[block] is None else []
        if strays:
            names = ", ".join(f"`{key}`" for key in strays)
            yield Problem(
                code=MISPLACED,
                object=str(document.place((strays[0],))),
                field=block,
                found=f"{names} at the top level and `{block}` empty",
                allowed=f"they are fields of `{block}`",
                hint=f"indent them by two spaces, under the line `{block}:`",
            )


def strays_of(block: str, keys: Sequence[str]) -> list[str]:
    """Those of the document's top-level keys that belong under `block` ("metadata" or "spec") and follow it."""
    after = list(keys)[list(keys).index(block) + 1 :]
    if block == "metadata":
        return [key for key in after if key in IN_METADATA]
    return [key for key in after if key not in TOP_LEVEL and key not in IN_METADATA]
