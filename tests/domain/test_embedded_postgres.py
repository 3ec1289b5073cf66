"""The embedded Postgres, tried on real servers: who may come in, what survives a kill, and who stops it at the end."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.embedded_postgres import (
    APP_ROLE,
    OWNER_ROLE,
    SUPERUSER,
    Connection,
    EmbeddedPostgresError,
    Running,
    bootstrap,
    erase,
    start,
)

QUICK = {"fsync": "off"}  # these clusters need not outlive a power cut
OWNER_PASSWORD, APP_PASSWORD = "owner's \\ password\n2", 'app "password"'
PROJECT = Path(__file__).parents[2]

# Another process with a share in the server: it says whether it started it, and the server's pid; it leaves when told.
OTHER_PROCESS = """
import sys, pathlib
from domain.embedded_postgres import start
running = start(pathlib.Path(sys.argv[1]), settings={"fsync": "off"})
print(running.owned, running.pid, flush=True)
sys.stdin.readline()
print(running.stop(), flush=True)
"""


def passable_directory() -> Path:
    """One that the account of Postgres may pass, unlike those of pytest, when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="bw-test-"))
    path.chmod(0o755)
    return path


def copy_of(directory: Path, path: Path) -> Path:
    """A stopped server's data elsewhere, which is quicker to have than a new cluster."""
    path.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", directory / "cluster", path], check=True)
    return path


@pytest.fixture(scope="module")
def directory() -> Generator[Path]:
    """One cluster for most of the tests."""
    path = passable_directory()
    (path / "cluster.unfinished").mkdir()
    with start(path, settings=QUICK) as running:
        bootstrap(running, owner_password=OWNER_PASSWORD, app_password=APP_PASSWORD)
    yield path
    erase(path)
    assert not path.exists()


@pytest.fixture
def running(directory: Path) -> Generator[Running]:
    with start(directory, settings=QUICK) as running:
        yield running


async def ask(connection: Connection, *statements: str) -> Any:
    """The single value of the last statement."""
    session = await asyncpg.connect(**connection)
    try:
        for statement in statements[:-1]:
            await session.execute(statement)
        return await session.fetchval(statements[-1])
    finally:
        await session.close()


def superuser(running: Running) -> Connection:
    return running.dsn(SUPERUSER, database="postgres")


def by_tcp(connection: Connection) -> Connection:
    connection["host"] = "127.0.0.1"
    return connection


def powers_of_our_roles() -> str:
    powers = "rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication"
    return f"select bool_or({powers}) from pg_roles where rolname in ('{OWNER_ROLE}', '{APP_ROLE}')"


@contextmanager
def other_process(directory: Path) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OTHER_PROCESS, str(directory)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    return process.stdout.readline().split()


def dismiss(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    return heard(process)


def pretend_pid(running: Running, pid: int) -> None:
    """What a restarted container finds: the files of a killed server, whose number now is another process's."""
    for file in (running.home.cluster / "postmaster.pid", running.socket_dir / f".s.PGSQL.{running.port}.lock"):
        file.write_text("\n".join([str(pid), *file.read_text().split("\n")[1:]]))


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """A server removes its file, and then needs another moment to be gone."""
    patience = time.monotonic() + 10
    while alive(pid) and time.monotonic() < patience:
        time.sleep(0.005)
    return not alive(pid)


# --- starting ---


async def test_a_fresh_start_makes_a_cluster_that_sorts_alike_everywhere_and_opens_no_port(running: Running) -> None:
    facts = "select array[datlocprovider::text, datlocale, pg_encoding_to_char(encoding)] from pg_database"
    assert await ask(superuser(running), f"{facts} where datname = 'bitewing'") == ["b", "C.UTF-8", "UTF8"]
    assert await ask(superuser(running), "show listen_addresses") == ""
    assert await ask(superuser(running), "show data_checksums") == "on"
    assert running.owned
    assert running.socket_dir.stat().st_mode & 0o777 == 0o700


async def test_data_outlives_a_restart(directory: Path) -> None:
    with start(directory) as first:
        await ask(superuser(first), "create table kept (word text)", "insert into kept values ('kept')", "select 1")
    assert ends(first.pid)
    with start(directory) as second:
        assert await ask(superuser(second), "select word from kept") == "kept"
        assert await ask(superuser(second), "drop table kept", "select 1") == 1
    assert second.pid != first.pid
    assert second.stop() is False, "a share is given up once"


def test_a_start_that_was_cut_short_is_begun_again(directory: Path) -> None:
    """The fixture of this module found a half-made cluster."""
    assert (directory / "cluster" / "PG_VERSION").exists()
    assert not (directory / "cluster.unfinished").exists()


def test_a_server_that_will_not_start_says_why(directory: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r'invalid value for parameter "shared_buffers"'):
        start(directory, settings={"shared_buffers": "plenty"})


def test_a_cluster_of_another_version_is_left_alone(directory: Path) -> None:
    version = directory / "cluster" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match="was made by Postgres 12, but here is only 18"):
            start(directory)
    finally:
        version.write_text(ours)


def test_programs_that_are_not_there_are_named(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"No Postgres found in {tmp_path}"):
        start(directory, binaries=tmp_path)


async def test_a_deep_directory_gets_a_short_socket_and_keeps_it(directory: Path) -> None:
    deep, shelter = passable_directory() / ("d" * 100), passable_directory()
    copy_of(directory, deep)
    with start(deep, settings=QUICK, shelter=shelter) as first:
        assert await ask(superuser(first), "select 1") == 1
    with start(deep, settings=QUICK, shelter=shelter) as second:
        assert second.socket_dir == first.socket_dir
        assert len(str(second.socket_dir)) < 60
        assert second.socket_dir.stat().st_mode & 0o777 == 0o700
    erase(deep, shelter=shelter)
    assert not second.socket_dir.exists()
    shelter.rmdir()
    deep.parent.rmdir()


# --- surviving ---


async def test_a_killed_server_is_brought_back_with_what_was_committed(directory: Path) -> None:
    with start(directory, settings=QUICK) as killed:
        await ask(superuser(killed), "create table if not exists kept (word text)", "insert into kept values ('x')")
        busy = asyncio.create_task(ask(superuser(killed), "select pg_sleep(60)"))
        await asyncio.sleep(0.1)
        os.kill(killed.pid, signal.SIGKILL)
        with start(directory, settings=QUICK) as revived:
            assert revived.pid != killed.pid
            assert await ask(superuser(revived), "select count(*) from kept") == 1
            assert await ask(superuser(revived), "drop table kept", "select 1") == 1
            assert killed.stop() is False
            assert await ask(superuser(revived), "select 1") == 1
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await busy


def kill_when_the_log_complains(server: Running, orphan: int) -> None:
    patience = time.monotonic() + 20
    while "pre-existing shared memory block" not in server.home.log.read_text() and time.monotonic() < patience:
        time.sleep(0.005)
    os.kill(orphan, signal.SIGKILL)


async def test_a_start_waits_for_the_last_orphan_of_a_killed_server(directory: Path) -> None:
    with start(directory, settings=QUICK) as killed:
        session = await asyncpg.connect(**superuser(killed))
        orphan = session.get_server_pid()
        os.kill(orphan, signal.SIGSTOP)  # it cannot notice that its server is gone, and holds on to the shared memory
        os.kill(killed.pid, signal.SIGKILL)
        threading.Thread(target=kill_when_the_log_complains, args=(killed, orphan)).start()
        with start(directory, settings=QUICK) as revived:
            assert ends(orphan)
            assert await ask(superuser(revived), "select 1") == 1
        session.terminate()


def same_account_stranger(server: Running) -> subprocess.Popen[bytes]:
    """Another account's process would never be mistaken for the server."""
    return server.home.account.spawn("/bin/sleep", "60", output=subprocess.DEVNULL)


async def test_a_stranger_with_the_number_of_a_killed_server_is_no_obstacle_and_not_harmed(directory: Path) -> None:
    with start(directory, settings=QUICK) as killed, same_account_stranger(killed) as stranger:
        os.kill(killed.pid, signal.SIGKILL)
        assert ends(killed.pid)
        pretend_pid(killed, stranger.pid)
        assert killed.stop() is True
        with start(directory, settings=QUICK) as revived:
            assert await ask(superuser(revived), "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


async def test_a_server_of_a_killed_process_is_adopted_and_stopped_by_the_last_to_leave(directory: Path) -> None:
    with other_process(directory) as starter:
        owned, pid = heard(starter)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    assert owned == "True"
    with start(directory) as adopted:
        assert (adopted.owned, adopted.pid) == (False, int(pid))
        assert await ask(superuser(adopted), "select 1") == 1
    assert ends(int(pid))


def test_a_live_server_that_cannot_be_reached_is_never_joined_by_a_second(running: Running, directory: Path) -> None:
    (running.socket_dir / f".s.PGSQL.{running.port}").unlink()
    with pytest.raises(EmbeddedPostgresError, match="neither answers nor ends"):
        start(directory, timeout=0.5)
    assert alive(running.pid)
    assert running.stop() is True
    assert ends(running.pid)


def test_a_server_whose_directory_was_removed_is_still_stopped(directory: Path) -> None:
    path = copy_of(directory, passable_directory())
    with start(path, settings=QUICK) as running:
        shutil.rmtree(path)
    assert ends(running.pid)


# --- sharing ---


async def test_two_processes_that_start_at_once_share_one_server_until_both_have_left() -> None:
    path = passable_directory()
    with other_process(path) as one, other_process(path) as two:
        told = [heard(one), heard(two)]
        assert sorted(owned for owned, _ in told) == ["False", "True"]
        assert told[0][1] == told[1][1]
        starter, other = (one, two) if told[0][0] == "True" else (two, one)
        assert dismiss(starter) == ["False"]
        with start(path) as third:
            assert (third.owned, third.pid) == (False, int(told[0][1]))
            assert dismiss(other) == ["False"]
            assert await ask(superuser(third), "select 1") == 1
            with pytest.raises(EmbeddedPostgresError, match="stop it before"):
                erase(path)
        assert ends(third.pid)
    erase(path)


async def test_the_starter_may_leave_before_the_others(directory: Path) -> None:
    first = start(directory, settings=QUICK)
    with start(directory) as second:
        assert first.stop() is False
        assert await ask(superuser(second), "select 1") == 1
        assert (first.owned, second.owned, second.pid) == (True, False, first.pid)
    assert ends(first.pid)


# --- who may come in ---


def test_nobody_is_trusted(running: Running) -> None:
    for file in (running.home.path / "pg_hba.conf", running.home.cluster / "pg_hba.conf"):
        rules = [line.split() for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
        assert rules
        assert {"trust", "password", "md5"}.isdisjoint(word for rule in rules for word in rule)


@pytest.mark.parametrize("password", [None, "", "wrong", APP_PASSWORD])
async def test_without_its_password_a_role_is_refused(running: Running, password: str | None) -> None:
    assert await ask(running.dsn(OWNER_ROLE, OWNER_PASSWORD), "select current_user") == OWNER_ROLE
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(running.dsn(OWNER_ROLE, password), "select 1")


async def test_a_loopback_port_is_for_passwords_only(directory: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with start(directory, settings=QUICK, tcp_port=port) as running:
        assert await ask(by_tcp(running.dsn(APP_ROLE, APP_PASSWORD)), "select 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(by_tcp(running.dsn(APP_ROLE, "wrong")), "select 1")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await ask(by_tcp(superuser(running)), "select 1")
        assert await ask(superuser(running), "select 1") == 1
    with start(directory, settings=QUICK), pytest.raises(EmbeddedPostgresError, match="without TCP port"):
        start(directory, tcp_port=port)


async def test_the_app_cannot_pass_the_wall_nor_make_or_own_anything(running: Running) -> None:
    owner, app = running.dsn(OWNER_ROLE, OWNER_PASSWORD), running.dsn(APP_ROLE, APP_PASSWORD)
    await ask(
        owner,
        "create table if not exists walled (tenant text)",
        "alter table walled enable row level security",
        "alter table walled force row level security",
        "create policy wall on walled using (tenant = current_setting('app.tenant', true))",
        f"grant select, insert on walled to {APP_ROLE}",
        "set app.tenant = 'a'",
        "insert into walled values ('a')",
    )
    assert await ask(app, "set app.tenant = 'a'", "select count(*) from walled") == 1
    assert await ask(app, "select count(*) from walled") == 0
    for forbidden in (
        "insert into walled values ('b')",
        "alter table walled disable row level security",
        "create table mine ()",
        "create temporary table mine ()",
        "create schema mine",
        "create role mine",
        "create database mine",
        f"set role {OWNER_ROLE}",
        f"alter role {APP_ROLE} bypassrls",
        "set session authorization postgres",
        "select pg_read_file('postmaster.pid')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(app, forbidden)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await ask(app, "set row_security = off", "select count(*) from walled")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(running.dsn(APP_ROLE, APP_PASSWORD, "postgres"), "select 1")
    assert await ask(superuser(running), powers_of_our_roles()) is False
    owned = "select count(*) from pg_shdepend join pg_roles r on r.oid = refobjid where deptype = 'o'"
    assert await ask(superuser(running), f"{owned} and rolname = '{APP_ROLE}'") == 0
    assert await ask(owner, "drop table walled", "select 1") == 1


async def test_bootstrap_again_takes_back_powers_and_sets_new_passwords(running: Running) -> None:
    await ask(superuser(running), f"alter role {APP_ROLE} superuser bypassrls", "select 1")
    bootstrap(running, owner_password=OWNER_PASSWORD, app_password="new")
    assert await ask(superuser(running), powers_of_our_roles()) is False
    assert await ask(running.dsn(APP_ROLE, "new"), "select current_user") == APP_ROLE
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(running.dsn(APP_ROLE, APP_PASSWORD), "select 1")
    bootstrap(running, owner_password=OWNER_PASSWORD, app_password=APP_PASSWORD)
    with pytest.raises(ValueError, match="not a plain database name"):
        bootstrap(running, owner_password="a", app_password="b", database="x; drop database bitewing")


async def test_the_log_names_no_values(running: Running) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await ask(superuser(running), "alter role nobody_of_ours password 'a-secret'")
    with pytest.raises(asyncpg.UniqueViolationError):
        twice = "insert into names values ('a-name'), ('a-name')"
        await ask(superuser(running), "create temporary table names (name text unique)", twice)
    log = running.home.log.read_text()
    assert 'role "nobody_of_ours" does not exist' in log
    assert "duplicate key" in log
    assert "a-secret" not in log
    assert "a-name" not in log
