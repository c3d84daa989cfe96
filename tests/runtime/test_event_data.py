"""The data of server-sent events is the same however their stream is cut into parts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.federation.events import EventData, TooLongError

LINE_ENDS = st.sampled_from(["\n", "\r", "\r\n"])
TEXTS = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=20)
OTHER_LINES = st.sampled_from([": a comment", "event: message", "id: 7", "retry: 100", "data2: x"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """An event stream, and the data of its events."""
    stream, events = "", list[bytes]()
    for lines in draw(st.lists(st.lists(TEXTS, max_size=3), max_size=4)):
        for line in lines:
            stream += draw(OTHER_LINES) + draw(LINE_ENDS) if draw(st.booleans()) else ""
            stream += draw(st.sampled_from(["data: ", "data:"])) if line[:1] != " " else "data: "
            stream += line + draw(LINE_ENDS)
        end = draw(LINE_ENDS)
        # After "\r", a "\n" would be the rest of the same end of a line.
        stream += "\r" if stream.endswith("\r") and end == "\n" else end
        if any(lines) or len(lines) > 1:
            events.append("\n".join(lines).encode())
    return stream.encode(), events


@settings(max_examples=40, deadline=None)
@given(streams(), st.lists(st.integers(1, 9), min_size=1))
def test_the_data_of_events_does_not_depend_on_the_parts_of_their_stream(
    stream: tuple[bytes, list[bytes]], sizes: list[int]
):
    text, events = stream
    reader, found, at = EventData(10_000), list[bytes](), 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        found += reader.feed(text[at : at + size])
        at += size
    assert found == events


@pytest.mark.parametrize(
    "parts",
    [[b"data: " + b"x" * 60], [b"data: ", b"x" * 60], [b"data: xxxxxxxxx\n"] * 5, [b"id:\n"] * 20],
    ids=["a line", "a line in two parts", "many lines of data", "many other lines"],
)
def test_an_event_that_is_too_long_is_refused(parts: list[bytes]):
    reader = EventData(50)
    with pytest.raises(TooLongError):
        list(map(reader.feed, parts))


def test_the_length_of_an_event_is_counted_anew_after_each_event():
    reader = EventData(50)
    for _ in range(100):
        assert reader.feed(b"data: xxxxxxxxxxxxxxxxxxxx\n\n") == [b"x" * 20]


def test_an_event_without_its_end_is_not_used():
    assert EventData(50).feed(b"data: 1\n") == []
