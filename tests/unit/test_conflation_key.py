"""keys.py: a message supersedes those of its event, of the same value in the key field, for the same clients."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.delivery.conflation_key import ConflationKeys
from bridge.messages import SEPARATOR, Delivery, Payload, Texts

VALUES = ["a", "1", "true", "", 1, 2, 0, 1.5, True, False]


def key(text: str, field: str | None = "id", event: str = "message", to: tuple[str, ...] | None = None) -> Hashable:
    """The key of a message that is this JSON."""
    [found] = ConflationKeys(field)(Delivery(event, Payload.verbatim(text.encode()), to))
    return found


def keys(texts: Sequence[str], to: Sequence[tuple[str, ...] | None] | None = None) -> Sequence[Hashable]:
    """Those of texts in one delivery."""
    return ConflationKeys("id")(Texts("message", [text.encode() for text in texts], SEPARATOR.join(texts), to))


def test_messages_with_the_same_value_have_the_same_key_and_others_another() -> None:
    assert key('{"id":"a","x":1}') == key('{"x":2,"id":"a"}')
    found = [key(str(Payload.of({"id": value}).json, "utf-8")) for value in VALUES]
    assert len(set(found)) == len(VALUES)


def test_without_a_key_field_a_newer_message_of_an_event_supersedes_the_one_before() -> None:
    assert key('{"id":1}', None) == key('{"id":2}', None) == key("[1]", None) == key("no JSON", None)
    assert key('{"id":1}', None) != key('{"id":1}', None, "other")


@pytest.mark.parametrize("field", [None, "id"])
def test_another_event_or_other_clients_are_another_key(field: str | None) -> None:
    found = [key('{"id":1}', field, event, to) for event in ("a", "b") for to in (None, ("x",), ("y",), ("x", "y"), ())]
    assert len(set(found)) == 10


def test_what_has_no_value_in_the_field_is_one_key() -> None:
    none = key("{}")
    for text in ('{"id":null}', '{"id":[1]}', '{"id":{"a":1}}', "[]", "17", "null", "no JSON", '"text"', '{"id":'):
        assert key(text) == none
    assert key('{"id":0}') != none
    assert key('{"id":""}') != none


def test_a_text_is_looked_into_as_the_object_that_it_is() -> None:
    text = '{"id":"é\\u0041"}'
    assert [key(text)] == keys([text])
    [of_text] = ConflationKeys("id")(Delivery("message", Payload.text(text)))
    assert of_text == key('{"id":"éA"}')


def test_bytes_are_one_key() -> None:
    [one], [two] = (ConflationKeys("id")(Delivery("raw", Payload.binary(data))) for data in (b'{"id":1}', b'{"id":2}'))
    assert one == two


def test_of_many_texts_each_has_its_own_key_and_addressees() -> None:
    texts = ['{"id":1}', '{"id":2}', "{}", '{"id":1}']
    assert keys(texts) == [key(text) for text in texts]
    to = [None, ("x",), None, ("x",)]
    assert keys(texts, to) == [key(text, to=whom) for text, whom in zip(texts, to, strict=True)]


def test_nothing_else_that_waits_has_a_key_like_that() -> None:
    assert key('{"id":1}') != (1,)  # the bridge's own packets have numbers


@settings(deadline=None)
@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "replace")))
def test_any_text_has_a_key(text: str) -> None:
    (one,) = keys([text.replace(SEPARATOR, "")])
    assert hash(one) == hash(one)


def test_text_that_is_nested_too_deeply_has_a_key() -> None:
    assert key('{"id":' + "[" * 100_000 + "]" * 100_000 + "}") == key("{}")
