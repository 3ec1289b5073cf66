"""``bitewing backup`` and ``restore``: everything of a one-machine installation in one file, and back from it.

The file holds the database, the files and the secrets that open them, so it is as sensitive as the installation itself.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from domain import embedded_postgres
from domain.embedded_postgres import Running
from domain.runtime import kept_secrets
from domain.settings import Settings

DATABASE = "bitewing"
DUMP, FILES, SECRETS = "database.dump", "files", "secrets.json"
OPEN_ON_RESTORE = frozenset({DUMP, SECRETS})


class BackupRefused(Exception):
    """It cannot be done here; the message says why and what to do instead."""


def back_up(settings: Settings, target: Path) -> None:
    """Write a backup to a new file, readable by its owner only. The program may be running: a dump sees one moment."""
    _only_embedded(settings)
    if target.exists():
        raise BackupRefused(f"{target} is there already. Name a new file.")
    if not (settings.data_dir / SECRETS).exists():
        raise BackupRefused(f"There is no installation in {settings.data_dir}.")
    with tempfile.TemporaryDirectory() as folder, embedded_postgres.start(settings.data_dir / "postgres") as running:
        dump = Path(folder) / DUMP
        with dump.open("wb") as output:
            _run(running, "pg_dump", "--format=custom", f"--dbname={DATABASE}", output=output)
        partial = target.with_name(target.name + ".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(dump, DUMP)
            archive.add(settings.data_dir / SECRETS, SECRETS)
            if (settings.data_dir / FILES).exists():
                archive.add(settings.data_dir / FILES, FILES)
        partial.rename(target)


def restore(settings: Settings, source: Path) -> None:
    """Make an installation from a backup, in an empty data directory."""
    _only_embedded(settings)
    if not source.is_file():
        raise BackupRefused(f"There is no file {source}.")
    if settings.data_dir.exists() and any(settings.data_dir.iterdir()):
        raise BackupRefused(f"{settings.data_dir} is not empty. Restore into a new BITEWING_DATA_DIR.")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(source) as archive:
                archive.extractall(folder, filter="data")
        except tarfile.TarError as error:
            raise BackupRefused(f"{source} is not a backup of Bitewing.") from error
        unpacked = Path(folder)
        if not all((unpacked / name).exists() for name in OPEN_ON_RESTORE):
            raise BackupRefused(f"{source} is not a backup of Bitewing.")
        secrets = settings.data_dir / SECRETS
        shutil.copyfile(unpacked / SECRETS, secrets)
        secrets.chmod(0o600)
        if (unpacked / FILES).exists():
            shutil.copytree(unpacked / FILES, settings.data_dir / FILES)
        kept = kept_secrets(settings.data_dir)
        with embedded_postgres.start(settings.data_dir / "postgres") as running:
            embedded_postgres.bootstrap(
                running, owner_password=kept["owner_password"], app_password=kept["app_password"], database=DATABASE
            )
            with (unpacked / DUMP).open("rb") as dump:
                _run(running, "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}", given=dump)


def _only_embedded(settings: Settings) -> None:
    if not settings.embedded:
        raise BackupRefused(
            "This installation has a database of its own. Back it up with its own tools, the file store with those of the "
            "store, and keep BITEWING_SECRET_KEYS apart from both."
        )


def _run(
    running: Running, program: str, *arguments: str, output: IO[bytes] | None = None, given: IO[bytes] | None = None
) -> None:
    """One of the server's own programs, as the superuser, by the socket."""
    place = (f"--host={running.socket_dir}", f"--port={running.port}", f"--username={embedded_postgres.SUPERUSER}")
    done = subprocess.run(  # noqa: S603  the program that came with the server
        [running.binaries / program, *place, "--no-password", *arguments],
        stdin=given,
        stdout=output,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise BackupRefused(f"{program} failed: {done.stderr.decode(errors='replace').strip()[:500]}")
