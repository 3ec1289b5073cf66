"""Files: documents and sealed reports, in a folder or in any store that ``obstore`` knows (S3, Azure, GCS).

A file is named by its tenant and its SHA-256, so writing it twice is harmless and what is read can be checked.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from domain.errors import Unavailable
from domain.settings import Settings


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

    async def put(self, tenant_id: UUID, content: bytes) -> StoredFile:
        digest = hashlib.sha256(content).hexdigest()
        key = f"{tenant_id}/{digest[:2]}/{digest}"
        await obstore.put_async(self._store, key, content)
        return StoredFile(key, digest, len(content))

    async def get(self, key: str, sha256: str) -> bytes:
        """The content, checked against its hash."""
        try:
            result = await obstore.get_async(self._store, key)
            content = bytes(await result.bytes_async())
        except FileNotFoundError:
            raise Unavailable("The file store does not have this file just now.") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FileDamaged(key)
        return content


def open_files(settings: Settings) -> Files:
    if settings.files_url:
        return Files(from_url(settings.files_url))
    folder = settings.data_dir / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Files(LocalStore(folder))
