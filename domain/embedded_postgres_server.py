"""One Postgres server process: make its cluster, start it, ask whether it answers, shut it down.

`postmaster.pid` alone proves nothing: after a crash, or in a restarted container, its number may be any process's. A
server counts as running when it answers on its socket, and the kernel then tells who it is.
"""

import dataclasses
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.embedded_postgres_home import SUPERUSER, EmbeddedPostgresError, Home

DEFAULT_PORT = 5432  # with TCP off it is only a part of the socket's name
LOG_LIMIT = 10_000_000  # bytes, looked at when the server starts

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # every Postgres answers it with one byte, before it knows the caller
_PID, _PORT, _SOCKET_DIRECTORY, _TCP_ADDRESS, _STATUS = 0, 3, 4, 5, 7  # lines of postmaster.pid
_PASSING = ("pre-existing shared memory block", "lock file")  # complaints that end once a dying server is gone


@dataclass(frozen=True, kw_only=True)
class Server:
    """What postmaster.pid says."""

    pid: int
    port: int
    socket_dir: Path
    tcp: bool
    ready: bool


def find_or_launch(
    home: Home, programs: Path, *, major: int, tcp_port: int | None, settings: Mapping[str, str], deadline: float
) -> tuple[Server, subprocess.Popen[bytes] | None]:
    """The server of this home, and its process if it had to be started."""
    if not home.cluster.exists():
        _create_cluster(home, programs, major=major, sync=settings.get("fsync") != "off")
    complaint = ""
    while True:
        server = answering(home)
        if server and server.ready:
            if tcp_port and not (server.tcp and server.port == tcp_port):
                raise EmbeddedPostgresError(f"Postgres runs in {home.path} without TCP port {tcp_port}: stop it first.")
            return server, None
        if server is None:
            process, log_offset = _launch(home, programs, tcp_port=tcp_port, settings=settings)
            if launched := _wait_until_ready(process, home, deadline=deadline):
                return launched, process
            complaint = _log_since(home, log_offset) or complaint
            if not any(passing in complaint for passing in _PASSING):
                raise EmbeddedPostgresError(f"Postgres did not start in {home.path}: {complaint or 'it was not ready in time'}")
        time.sleep(0.05)
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"The Postgres in {home.path} neither answers nor ends. {complaint}".strip())


def answering(home: Home) -> Server | None:
    """The server that answers on the socket of this home, with the process id that the kernel knows."""
    server = _read_server(home)
    if server is None:
        return None
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        try:
            caller.connect(str(server.socket_dir / f".s.PGSQL.{server.port}"))
            caller.sendall(_SSL_REQUEST)
            if not caller.recv(1):
                return None
        except OSError:
            return None
        if hasattr(socket, "SO_PEERCRED"):
            # Of the process that called listen(), by the number it has for us: 0 if it lives in another container.
            (pid,) = struct.unpack_from("i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return dataclasses.replace(server, pid=pid)
    return server


def _read_server(home: Home) -> Server | None:
    lines = _pid_file(home)
    if len(lines) <= _STATUS or not (lines[_PID].isdigit() and lines[_PORT].isdigit()):
        return None  # none there, or still being written
    return Server(
        pid=int(lines[_PID]),
        port=int(lines[_PORT]),
        socket_dir=Path(lines[_SOCKET_DIRECTORY]),
        tcp=bool(lines[_TCP_ADDRESS].strip()),
        ready=lines[_STATUS].strip() == "ready",
    )


def _pid_file(home: Home) -> list[str]:
    try:
        return (home.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _create_cluster(home: Home, programs: Path, *, major: int, sync: bool) -> None:
    for unfinished in home.path.glob("cluster.*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    draft = home.new_private_directory(home.path, prefix="cluster.")
    # Before 17 no locale is built into Postgres; where a distribution ships it, its C library has this one.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else ["--locale=C.UTF-8"]
    with tempfile.TemporaryFile() as output:
        process = home.account.spawn(
            *(programs / "initdb", "-D", draft, "-U", SUPERUSER, "-E", "UTF8", "--data-checksums", *locale),
            # Our own rules of access overrule these, which are named lest `trust` stand anywhere.
            *("--auth-local=peer", "--auth-host=reject"),
            *([] if sync else ["--no-sync"]),
            output=output,
        )
        if process.wait() != 0:
            output.seek(0)
            complaint = output.read().decode(errors="replace")[-1000:].strip()
            raise EmbeddedPostgresError(f"No database could be made in {home.path}: {complaint}")
    draft.rename(home.cluster)


def _launch(
    home: Home, programs: Path, *, tcp_port: int | None, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; the second part of the answer is where its words begin in the log."""
    port = tcp_port or DEFAULT_PORT
    socket_dir = str(home.socket_directory(port=port)).replace('"', '""')
    access_rules, access_names = _write_access_rules(home, tcp=tcp_port is not None)
    options = {
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        **settings,
        # The log tells no values: neither failed statements (one may set a password) nor rows that broke a constraint.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "hba_file": access_rules,
        "ident_file": access_names,
        "listen_addresses": "127.0.0.1" if tcp_port else "",
        "port": port,
        "unix_socket_directories": f'"{socket_dir}"',
        "unix_socket_permissions": "0700",
    }
    if home.log.exists() and home.log.stat().st_size > LOG_LIMIT:
        home.log.replace(home.log.with_suffix(".old"))
    log = home.open(home.log.name)
    try:
        log_offset = os.fstat(log).st_size
        process = home.account.spawn(
            *(programs / "postgres", "-D", home.cluster),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            output=log,
            environment=_pardon_stale_pid(home),
        )
    finally:
        os.close(log)
    return process, log_offset


def _write_access_rules(home: Home, *, tcp: bool) -> tuple[Path, Path]:
    """pg_hba.conf and pg_ident.conf, kept outside the cluster, where the server's own account could not change them."""
    rules = f'local all "{SUPERUSER}" peer map=bitewing\nlocal all all scram-sha-256\n'
    if tcp:
        rules += f'host all "{SUPERUSER}" 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n'
    names = "".join(f'bitewing "{name}" "{SUPERUSER}"\n' for name in dict.fromkeys([home.account.name, "root"]))
    written = home.path / "pg_hba.conf", home.path / "pg_ident.conf"
    for path, text in zip(written, (rules, names), strict=True):
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with draft.open("x") as file:
            file.write(text)
        draft.chmod(0o644)
        draft.replace(path)
    return written


def _pardon_stale_pid(home: Home) -> dict[str, str]:
    """Let Postgres overlook a process that merely has a killed server's number, as in every restarted container.

    Postgres refuses to start while the process named in postmaster.pid lives, unless this variable says that it is its
    grandparent. It still refuses while the memory of the server before is in use, so a live one is safe, except in the
    moment before it has that memory: therefore no pardon for a process that is a Postgres of this cluster.
    """
    stale = "".join(_pid_file(home)[:1])
    if not stale.isdigit():
        return {}
    with suppress(OSError):  # no such process; or no /proc, on macOS
        words = Path("/proc", stale, "cmdline").read_bytes().split(b"\0")
        if words[1:3] == [b"-D", os.fsencode(home.cluster)]:
            return {}
    return {"PG_GRANDPARENT_PID": stale}


def _wait_until_ready(process: subprocess.Popen[bytes], home: Home, *, deadline: float) -> Server | None:
    while process.poll() is None:
        server = _read_server(home)
        if server and server.pid == process.pid and server.ready:
            return server
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGINT)
            process.wait()
            return None
        time.sleep(0.005)
    return None


def _log_since(home: Home, offset: int) -> str:
    with home.log.open("rb") as log:
        log.seek(offset)
        return " / ".join(log.read().decode(errors="replace").splitlines()[-5:])


def shut_down(home: Home, process: subprocess.Popen[bytes] | None, *, deadline: float) -> None:
    """End the server of this home, if there is one: politely, and past the deadline in the way of a crash."""
    if process and process.poll() is not None:
        process = None  # our own died; another process may have started one since
    server = answering(home)
    pid = process.pid if process else server.pid if server else 0
    if pid == 0:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        if not _wait_until_gone(pid, process, home, deadline=deadline):
            os.kill(pid, signal.SIGQUIT)
            _wait_until_gone(pid, process, home, deadline=time.monotonic() + 5)


def _wait_until_gone(pid: int, process: subprocess.Popen[bytes] | None, home: Home, *, deadline: float) -> bool:
    while True:
        if process:
            gone = process.poll() is not None
        else:
            # Another's child stays behind as a zombie, but removing this file is the last act of a server.
            gone = _pid_file(home)[:1] != [str(pid)]
            os.kill(pid, 0)
        if gone or time.monotonic() > deadline:
            return gone
        time.sleep(0.005)
