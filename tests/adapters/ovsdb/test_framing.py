"""The framer finds the same messages however the stream is cut."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.adapters import ovsdb
from trunkline.adapters.ovsdb import framing

AWKWARD = [
    {"id": 1, "result": {"text": 'braces }{ and "quotes" and \\ and \\" {'}, "error": None},
    {"method": "update3", "params": ["é\\", {"a\\\\": {"}": "\\\\\\"}}], "id": None},
    {},
]

texts = st.text(alphabet='{}"\\anbu é\n', max_size=12)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)
messages = st.lists(st.dictionaries(texts, values, max_size=3), max_size=5)


def collect(chunks: list[bytes]) -> list[object]:
    framer = framing.Framer()
    return [json.loads(message) for chunk in chunks for message in framer.feed(chunk)]


def encode(bodies: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(body, ensure_ascii=False) for body in bodies).encode()


def test_two_chunks_split_at_every_boundary_give_the_same_messages() -> None:
    stream = encode(AWKWARD)

    for cut in range(len(stream) + 1):
        assert collect([stream[:cut], stream[cut:]]) == AWKWARD


def test_bytes_one_by_one_give_the_same_messages() -> None:
    assert collect([bytes([byte]) for byte in encode(AWKWARD)]) == AWKWARD


@given(messages, st.lists(st.integers(0, 400), max_size=6), st.sampled_from([1, 16, 4096]), st.integers(0, 8))
def test_any_messages_cut_anywhere_come_out_as_they_went_in(
    bodies: list[dict[str, object]], cuts: list[int], large: int, questions: int
) -> None:
    stream = encode(bodies)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]

    with pytest.MonkeyPatch.context() as patch:
        # Small limits make even tiny messages large ones, and have some of them walked after all.
        patch.setattr(framing, "_LARGE", large)
        patch.setattr(framing, "_QUESTIONS", questions)
        assert collect(chunks) == bodies


def test_a_large_message_full_of_seeming_ends_is_found_all_the_same() -> None:
    body = {"text": ['}{"' * 30] * 300}
    stream = encode([body, {}, body])

    assert collect([stream[start : start + 5000] for start in range(0, len(stream), 5000)]) == [body, {}, body]


def test_pending_counts_the_bytes_of_the_unfinished_message() -> None:
    framer = framing.Framer()

    framer.feed(b'{"a": 1}{"b":')

    assert framer.pending == len(b'{"b":')


def test_a_closing_brace_out_of_nowhere_is_a_protocol_violation() -> None:
    with pytest.raises(ovsdb.ProtocolViolation):
        framing.Framer().feed(b"}")
