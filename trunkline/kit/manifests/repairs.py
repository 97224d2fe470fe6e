"""The text as it probably was before it was pasted: a proposal for a person to look at, never applied unasked.

Characters are put back one for one.  Lost line breaks are put back only where the structure is certain: the well-known
levels of a Kubernetes object, maps of labels and annotations, and at most one list, at the end of `spec`.
"""

from __future__ import annotations

import re

from trunkline.kit.manifests import pasted

_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("“”„‟＂", '"'),
        **dict.fromkeys("‘’‚‛＇", "'"),
        **dict.fromkeys("\u00a0\u2007\u202f", " "),
        **dict.fromkeys("\u200b\ufeff", None),
        "\u3000": "  ",
        "：": ": ",
        "，": ", ",
        "－": "-",
        "＃": "#",
        "｛": "{",
        "｝": "}",
        "［": "[",
        "］": "]",
    }
)
_MARKER = re.compile(r"(^|(?<=\s))[–—−•·](?=\s)")
_PIPE = re.compile(r"(?<=[^\s:>-])\s+\|\s*$")
_TOKEN = re.compile(
    rf"""(?P<dash>-(?=\s))|(?P<key>{pasted.KEY}):(?=\s|$)|(?P<value>"[^"]*"|'[^']*'|\[[^\]]*\]|[^\s{{}}]+)"""
)


def repaired(text: str) -> str | None:
    """The text with every recognised damage undone, or None when a line's structure cannot be known."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = _straightened(raw)
        if len(re.findall(rf"(?:^|\s){pasted.KEY}:(?=\s|$)", pasted.masked(line))) > 1 and "{" not in line:
            expanded = _expanded(line)
            if expanded is None:
                return None
            lines += expanded
        else:
            lines.append(line)
    return "\n".join(_indented(lines)) + "\n"


def _straightened(line: str) -> str:
    line = _MARKER.sub(r"\1-", line.translate(_CHARACTERS))
    line = re.sub(r"^[ \t]+", lambda match: match[0].replace("\t", "  "), line)
    return _PIPE.sub("", line).rstrip()


class _Writer:
    """Puts the keys of a one-line object back on lines of their own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.certain = True
        self._top: set[str] = set()
        self._block = ""  # the top-level block we are in
        self._level = 0  # indentation of the keys being written, in steps of two spaces
        self._opened = False  # the last key had no value: what comes next belongs to it
        self._item = ""  # "- " when the next key begins a list item
        self._in_list = False

    def key(self, key: str, value: str) -> None:
        self._place(key, bool(value))
        indent = "  " * self._level
        self.lines.append(f"{indent}{self._item}{key}:{' ' + value if value else ''}")
        if self._item:
            self._level += 1
        self._item = ""
        self._opened = not value

    def dash(self) -> None:
        self.certain &= self._opened or self._in_list
        self._level += 1 if self._opened else -1  # a first item is below its key, a further one ends the item before
        self._opened = False
        self._in_list = True
        self._item = "- "

    def _place(self, key: str, has_value: bool) -> None:
        if self._item:
            self.certain &= has_value
        elif key in pasted.TOP_LEVEL - self._top and (not self._opened or key in ("metadata", "spec")):
            self._top.add(key)
            self._block, self._level, self._in_list = key, 0, False
        elif self._opened:
            self._level += 1
            # Inside spec only a list at the end can be put back: a nested map does not say where it ends.
            self.certain &= self._block == "metadata" or self._level == 1
        elif self._block == "metadata" and key in pasted.IN_METADATA:
            self._level = 1
        else:
            self.certain &= has_value or not self._in_list


def _expanded(line: str) -> list[str] | None:
    writer = _Writer()
    key, words = "", list[str]()
    for token in _TOKEN.finditer(line.strip()):
        if token["value"]:
            words.append(token["value"])
            continue
        if key:
            writer.key(key, " ".join(words))
        elif words:
            return None
        key, words = token["key"] or "", []
        if token["dash"]:
            writer.dash()
    if key:
        writer.key(key, " ".join(words))
    return writer.lines if writer.certain else None


def _indented(lines: list[str]) -> list[str]:
    """Put fields that stand at column 0 back under an empty `metadata:` or `spec:`."""
    result: list[str] = []
    block, shifting = "", False
    for line in lines:
        key = re.match(rf"({pasted.KEY}):", line)
        if key is not None and key[1] in ("metadata", "spec") and not pasted.masked(line)[key.end() :].strip():
            block, shifting = key[1], False
        elif key is not None:
            shifting = bool(block and pasted.strays_of(block, [block, key[1]]))
            block = block if shifting else ""
        elif line.startswith("---") or (line.strip() and not shifting):
            block, shifting = "", False  # the block has fields of its own, or the document ends
        result.append(f"  {line}" if shifting and line.strip() else line)
    return result
