"""Reads the data of server-sent events from parts of an event stream."""

from __future__ import annotations


class TooLongError(ValueError):
    """An event is longer than allowed."""


class EventData:
    """The data of the events of one stream; their other fields are not used here."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._line = bytearray()
        self._after_cr = False
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, part: bytes) -> list[bytes]:
        """The data of each event that ends in this part of the stream.

        Events without data are left out.

        Raises:
            TooLongError: an event is longer than `longest`.
        """
        if self._after_cr and part.startswith(b"\n"):
            part = part[1:]  # the second half of the end of a line
        ended: list[bytes] = []
        for piece in part.splitlines(keepends=True):
            self._line += piece
            if self._size + len(self._line) > self.longest:
                raise TooLongError
            if piece.endswith((b"\n", b"\r")) and (data := self._end_of_line()):
                ended.append(data)
        self._after_cr = part.endswith(b"\r")
        return ended

    def _end_of_line(self) -> bytes | None:
        """Use the line that has ended; the data of the event that ends with it, if one does."""
        line = bytes(self._line).rstrip(b"\r\n")
        self._size += len(line)
        self._line.clear()
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            return None
        data = b"\n".join(self._data)
        self._data.clear()
        self._size = 0
        return data
