"""Files on their way out: in pieces, under their own name, saved rather than shown."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import IO
from urllib.parse import quote

from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

PIECE = 256 * 1024


def sent_in_pieces(
    file: IO[bytes], *, media_type: str | None, size: int | None, headers: Mapping[str, str]
) -> StreamingResponse:
    """The file as an answer, closed once it is sent or the caller has gone."""
    length = {} if size is None else {"content-length": str(size)}
    return StreamingResponse(
        _pieces(file), media_type=media_type, headers={**headers, **length}, background=BackgroundTask(file.close)
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def attachment(filename: str) -> str:
    """``Content-Disposition`` by RFC 6266: the name in plain ASCII, and in full in the form of RFC 8187."""
    ascii_only = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    plain = "".join("_" if character in '"\\%' or not character.isprintable() else character for character in ascii_only)
    return f"attachment; filename=\"{plain.strip() or 'document'}\"; filename*=UTF-8''{quote(filename, safe='')}"
