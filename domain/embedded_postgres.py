"""The embedded Postgres: one command starts the whole product, with no database to install first.

Several processes may use one server (API, worker, tests): the first starts it, the others adopt it, the last to leave
stops it. Nobody is trusted: the superuser is let in only as the operating system's account that runs the server, or as
root; every other role only with its password.
"""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypedDict

from domain.embedded_postgres_home import SHELTER, SUPERUSER, EmbeddedPostgresError, Home, find_binaries, find_home
from domain.embedded_postgres_server import Server, answering, find_or_launch, shut_down

__all__ = ["APP_ROLE", "OWNER_ROLE", "SUPERUSER", "Connection", "EmbeddedPostgresError", "Running"]
__all__ += ["bootstrap", "erase", "start"]

OWNER_ROLE = "bitewing_owner"
APP_ROLE = "bitewing_app"


class _Launch(Protocol):
    def __call__(self, *, deadline: float) -> tuple[Server, subprocess.Popen[bytes] | None]: ...


class Connection(TypedDict):
    """Keyword arguments of `asyncpg.connect`."""

    host: str
    port: int
    user: str
    password: str | None
    database: str


@dataclass(kw_only=True)
class Running:
    """A running server and our share in it. Whoever gives up the last share stops it, whether it `owned` it or not."""

    home: Home
    binaries: Path  # the directory of psql, pg_dump, pgbench and so on
    socket_dir: Path
    port: int
    pid: int  # 0 for a server in another container, out of reach of our signals
    owned: bool  # this process started it
    _share: int | None
    _process: subprocess.Popen[bytes] | None
    _launch: _Launch

    def dsn(self, role: str, password: str | None = None, database: str = "bitewing") -> Connection:
        """How to connect over the socket. The superuser needs no password, but the right account."""
        return Connection(host=str(self.socket_dir), port=self.port, user=role, password=password, database=database)

    def is_gone(self) -> bool:
        """Whether the server's process has ended, without asking the server. Never true where we cannot see it."""
        if self._process:
            return self._process.poll() is not None
        if self.pid == 0:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def revive(self, *, timeout: float = 60) -> None:
        """Start a server that was killed again, in the same place, or adopt the one that another process started meanwhile.

        What was committed is there, by Postgres' own recovery. Blocks. Raises EmbeddedPostgresError.
        """
        deadline = time.monotonic() + timeout
        with _locked(self.home, deadline=deadline):
            server, self._process = self._launch(deadline=deadline)
        self.pid, self.owned = server.pid, self._process is not None

    def stop(self, *, timeout: float = 30) -> bool:
        """Give up our share. True if it was the last and no server is left; False if others still use it."""
        if self._share is None:
            return False
        share, self._share = self._share, None
        deadline = time.monotonic() + timeout
        try:
            with _locked(self.home, deadline=deadline):
                if last := _try_lock(share, fcntl.LOCK_EX):
                    shut_down(self.home, self._process, deadline=deadline)
        except FileNotFoundError:  # somebody removed the directory under the server
            last = True
            shut_down(self.home, self._process, deadline=deadline)
        finally:
            os.close(share)
            if self._process and self._process.poll() is None:
                self._process.returncode = 0  # left to others: else Popen warns that its process still runs
        return last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()


def start(
    data_dir: Path,
    *,
    binaries: Path | None = None,
    account: str | None = None,
    tcp_port: int | None = None,
    settings: Mapping[str, str] | None = None,
    timeout: float = 60,
    shelter: Path = SHELTER,
) -> Running:
    """Take a share in the server of `data_dir`, after making its cluster and starting it where that is still to do.

    `account` runs Postgres when we are root (default: postgres, else nobody). `settings` become `-c name=value` if it
    is we who start the server. `tcp_port` opens 127.0.0.1 besides the socket. `shelter` is where root keeps what the
    account cannot reach in `data_dir`. Blocks. Raises EmbeddedPostgresError.

    A server that was killed is brought back by `Running.revive`, or by another call.
    """
    deadline = time.monotonic() + timeout
    data_dir = data_dir.resolve()
    try:
        home = find_home(data_dir, account=account, shelter=shelter)
        with _locked(home, deadline=deadline):
            programs, major = find_binaries(home, setting=binaries)
            launch = partial(find_or_launch, home, programs, major=major, tcp_port=tcp_port, settings=settings or {})
            server, process = launch(deadline=deadline)
            share = home.open("users")
            _try_lock(share, fcntl.LOCK_SH)
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"No access to {error.filename or data_dir}. Run as the user to whom {data_dir} belongs or as root, or"
            " choose another data directory."
        ) from error
    except OSError as error:
        raise EmbeddedPostgresError(f"Postgres cannot run in {data_dir}: {error}") from error
    return Running(
        home=home,
        binaries=programs,
        socket_dir=server.socket_dir,
        port=server.port,
        pid=server.pid,
        owned=process is not None,
        _share=share,
        _process=process,
        _launch=launch,
    )


@contextmanager
def _locked(home: Home, *, deadline: float) -> Generator[None]:
    """One process at a time starts, stops or prepares the server. A lock goes with its process, even a killed one."""
    lock = home.open("lock")
    try:
        while not _try_lock(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"Another process is still starting or stopping Postgres in {home.path}.")
            time.sleep(0.01)
        yield
    finally:
        os.close(lock)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def bootstrap(running: Running, *, owner_password: str, app_password: str, database: str = "bitewing") -> None:
    """Make the database and its two roles, or bring them back to what they should be, and set the passwords. Blocks.

    `bitewing_owner` owns the database and its schema `public`, for migrations. `bitewing_app` may connect and use the
    schema, owns nothing and cannot bypass row security; what it may do with a table is for the migrations to say.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", database):
        raise ValueError(f"not a plain database name: {database!r}")
    variables = {"owner": OWNER_ROLE, "app": APP_ROLE, "database": database}
    # Passwords go by the environment, which only our own account can read, unlike arguments; psql quotes them.
    passwords = {"OWNER_PASSWORD": owner_password, "APP_PASSWORD": app_password}
    with _locked(running.home, deadline=time.monotonic() + 60):
        done = subprocess.run(  # noqa: S603  (the program that `find_binaries` found)
            [
                running.binaries / "psql",
                *("--no-psqlrc", "--no-password", "--quiet", "--output=/dev/null", "--dbname=postgres"),
                *(f"--host={running.socket_dir}", f"--port={running.port}", f"--username={SUPERUSER}"),
                *(f"--set={name}={value}" for name, value in variables.items()),
            ],
            input=_BOOTSTRAP,
            env={"PATH": os.defpath, "LC_ALL": "C", **passwords},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise EmbeddedPostgresError(f"The database and its roles could not be made: {done.stderr.strip()}")


_BOOTSTRAP = r"""
\set ON_ERROR_STOP on
\set VERBOSITY terse
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
select format('create role %I', name) from unnest(array[:'owner', :'app']) as name
    where not exists (select from pg_roles where rolname = name) \gexec
alter role :"owner" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'owner_password';
alter role :"app" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'app_password';
select format('create database %I', :'database')
    where not exists (select from pg_database where datname = :'database') \gexec
alter database :"database" owner to :"owner";
revoke all on database :"database", postgres from public;
grant connect on database :"database" to :"app";
\connect :database
alter schema public owner to :"owner";
revoke all on schema public from public;
grant usage on schema public to :"app";
"""


def erase(data_dir: Path, *, shelter: Path = SHELTER) -> None:
    """Remove the cluster for good, wherever it lives, with all that `start` made. Refused while the server runs."""
    data_dir = data_dir.resolve()
    if not data_dir.exists():
        return
    home = find_home(data_dir, shelter=shelter)
    with _locked(home, deadline=time.monotonic() + 10):
        if answering(home):
            raise EmbeddedPostgresError(f"Postgres is running in {home.path}: stop it before you erase its data.")
        home.erase()
    if home.path != data_dir:
        (data_dir / "moved").unlink()
        if not any(data_dir.iterdir()):
            data_dir.rmdir()
