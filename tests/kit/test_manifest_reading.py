"""Text that YAML reads: values as Kubernetes takes them, places, limits, and no false alarms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kit import manifests
from trunkline.kit.problems import IntentError


def complaints(text):
    try:
        manifests.load(text)
    except IntentError as error:
        return error.problems
    return ["none"]


def value(text):
    return manifests.single(text).value


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("10:20:30:40:50:11", "10:20:30:40:50:11"),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("172.16.19.11", "172.16.19.11"),
        ("19", 19),
        ("-3", -3),
        ("0x1f", 31),
        ("017", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("'19'", "19"),
    ],
)
def test_a_scalar_means_what_kubernetes_takes_it_for(scalar, expected):
    assert value(f"a: {scalar}") == {"a": expected}


@pytest.mark.parametrize(
    "text",
    [
        'say: "he said “hi”"',
        "# “curly” – and a dash\na: b",
        "a: 'x – y'  # ‘quoted’",
        "a: |\n  “curly” kind: Pod name: x |\n  – item\n",
        "a: it is – well – fine",
        "a: Bonjour\u00a0!",
        "a: |\n  text |\n",
        'cell: "a |"',
        "a: 説明：全角",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  spec: ''\n",
        "kind: Pod\napiVersion: v1\nmetadata: {name: x}\nspec:\nstatus: {}",
    ],
)
def test_text_that_means_what_it_says_is_not_refused(text):
    assert manifests.load(text)


def test_documents_know_where_their_parts_stand():
    first, second = manifests.load("---\n# nothing\n---\na: 1\nb:\n- c: 2\n- {d: 3}\n---\ne: 4\n", name="two.yaml")

    assert str(first.place(("b", 1, "d"))) == "two.yaml:7:4"
    assert str(first.place(("b", 0, "missing", "deeper"))) == "two.yaml:6:3"
    assert str(second.place(())) == "two.yaml:9:1"


def test_a_document_names_itself():
    assert manifests.single("kind: Pod\nmetadata: {name: web-0, namespace: shop}").title == "Pod shop/web-0"
    assert manifests.single("a: b").title == ""


def test_merge_keys_and_aliases_are_expanded():
    assert value("base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}") == {"base": {"x": 1, "y": 2}, "mine": {"x": 1, "y": 3}}


def test_one_document_is_one_document():
    for text, found in (("", "no document"), ("a: 1\n---\nb: 2\n", "2 documents")):
        with pytest.raises(IntentError, match=found):
            manifests.single(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000 + "]" * 5000,
        "a: " + "{b: " * 200 + "1" + "}" * 200,
        "\n".join(
            ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
            + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
        ),
        "a: &a 1\nb: [" + ", ".join(["*a"] * 1000) + "]",
        "x" * (8 * 1024 * 1024 + 1),
    ],
    ids=["deep-lists", "deep-mappings", "billion-laughs", "many-aliases", "too-long"],
)
@pytest.mark.timeout(60)
def test_text_made_to_exhaust_memory_is_refused_soon(text):
    with pytest.raises(IntentError, match="TRK-0012"):
        manifests.load(text)


@given(st.text(max_size=200))
def test_any_text_is_either_read_or_refused_in_our_own_words(text):
    assert complaints(text)


@given(
    st.lists(
        st.sampled_from(
            ["apiVersion: v1", "kind: Pod", "metadata:", "spec:", "– a: b", "name: ‘x’", "- c", "|", "  ", "\n", "\t"]
        )
    )
)
def test_any_heap_of_damage_is_read_or_refused_in_our_own_words(pieces):
    assert complaints(" ".join(pieces))
