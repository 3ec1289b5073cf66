"""Files: documents and sealed reports, in a folder or in any store that ``obstore`` knows (S3, Azure, GCS).

A file is named by its tenant and its SHA-256, so writing it twice is harmless and what is read can be checked. Files pass
through in pieces: however large one is, it never stands in memory whole.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import IO
from uuid import UUID

import anyio.to_thread
import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from domain.errors import Unavailable
from domain.settings import Settings

PIECE = 5 * 1024 * 1024
"""Bytes. The smallest part of a multipart upload that S3 takes."""
AT_ONCE = 2
"""Parts of one file that travel at the same time; each stands in memory."""
SPOOLED_BELOW = 1024 * 1024


PATIENCE = timedelta(seconds=20)
"""How long a request to a store may be tried again, before its caller is told to come again."""


class FileDamaged(Exception):
    """What was read is not what was stored."""


@dataclass(frozen=True)
class StoredFile:
    key: str
    sha256: str
    size: int


class Files:
    """The store of one installation."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, tenant_id: UUID, content: bytes | IO[bytes]) -> StoredFile:
        """Keep the content, of a file from its beginning. Raises Unavailable when the store does not take it."""
        file = BytesIO(content) if isinstance(content, bytes) else content
        digest, size = await anyio.to_thread.run_sync(_measure, file)
        key = f"{tenant_id}/{digest[:2]}/{digest}"
        try:
            await obstore.put_async(self._store, key, file, chunk_size=PIECE, max_concurrency=AT_ONCE)
        except (OSError, BaseError):
            raise Unavailable("The file store takes nothing just now.") from None
        return StoredFile(key, digest, size)

    async def open(self, key: str, sha256: str) -> IO[bytes]:
        """The content as a file of our own, to be closed, after it was checked against its hash."""
        file = tempfile.SpooledTemporaryFile(SPOOLED_BELOW)  # noqa: SIM115  the caller closes it
        digest = hashlib.sha256()
        try:
            async for piece in (await obstore.get_async(self._store, key)).stream(SPOOLED_BELOW):
                digest.update(piece)
                await anyio.to_thread.run_sync(file.write, piece)
        except (OSError, BaseError):
            file.close()
            raise Unavailable("The file store does not have this file just now.") from None
        if digest.hexdigest() != sha256:
            file.close()
            raise FileDamaged(key)
        file.seek(0)
        return file

    async def get(self, key: str, sha256: str) -> bytes:
        """The content of a small file, checked against its hash."""
        with await self.open(key, sha256) as file:
            return file.read()

    async def carry(self, key: str, *, to: UUID) -> None:
        """Copy a file into another tenant's folder, where it keeps its name. Twice is harmless."""
        _, _, name = key.partition("/")
        try:
            await obstore.copy_async(self._store, key, f"{to}/{name}")
        except (OSError, BaseError):
            raise Unavailable("The file store does not have this file just now.") from None

    async def remove(self, key: str) -> None:
        """Take a file away. Twice is harmless."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (OSError, BaseError):
            raise Unavailable("The file store does not answer just now.") from None


def _measure(file: IO[bytes]) -> tuple[str, int]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # pyright: ignore[reportArgumentType]  IO is what it reads, only named otherwise
    file.seek(0)
    return digest.hexdigest(), size


def open_files(settings: Settings) -> Files:
    if settings.files_url:
        return Files(from_url(settings.files_url, retry_config={"max_retries": 3, "retry_timeout": PATIENCE}))
    folder = settings.data_dir / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Files(LocalStore(folder))
