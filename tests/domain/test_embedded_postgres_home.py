"""Where the embedded Postgres lives and who runs it: as root under another account, else as ourselves."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from domain.embedded_postgres import EmbeddedPostgresError, Running, bootstrap, erase, start
from domain.embedded_postgres_home import Account, Home, find_binaries, find_home

QUICK = {"fsync": "off"}
PROJECT = Path(__file__).parents[2]
NOBODY = pwd.getpwnam("nobody")
ORDINARY = Account(name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run Postgres under another account")

# What an ordinary user does, from the first start to the end. It prints the account that the server runs under. Root
# becomes that user only inside: Python itself may lie where others cannot start it.
ORDINARY_USE = """
import os, pathlib, sys
from domain.embedded_postgres import bootstrap, start
data_dir, uid, gid = sys.argv[1:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
with start(pathlib.Path(data_dir), settings={"fsync": "off"}) as running:
    bootstrap(running, owner_password="a", app_password="b")
    print(running.home.account.name, running.owned, os.stat(f"/proc/{running.pid}").st_uid)
"""


@pytest.fixture
def room() -> Generator[Path]:
    """A directory that every account may pass; those of pytest are closed when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="bw-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def closed(room: Path) -> Path:
    """Like /root: nobody else passes."""
    path = room / "closed"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def shelter(room: Path) -> Path:
    return room / "shelter"


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    return {place: (place.stat().st_mode, place.stat().st_uid) for place in (path, *path.parents)}


def as_ordinary_user(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ORDINARY_USE, data_dir, str(ORDINARY.uid), str(ORDINARY.gid)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def says(running: Running, sql: str) -> str:
    """The superuser's answer, by the program rather than the library: it comes as the account that runs these tests."""
    options = [f"--host={running.socket_dir}", "--username=postgres", "--dbname=bitewing", "--no-psqlrc"]
    command = [running.binaries / "psql", *options, "--quiet", "--tuples-only", "--no-align", f"--command={sql}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@needs_root
def test_under_a_closed_directory_the_database_moves_to_the_shelter_and_no_mode_changes(closed: Path, shelter: Path) -> None:
    data_dir = closed / "checkout" / ".bitewing" / "postgres"
    data_dir.parent.mkdir(parents=True)
    before = modes(data_dir.parent)
    with start(data_dir, settings=QUICK, shelter=shelter) as first:
        bootstrap(first, owner_password="a", app_password="b")
        assert says(first, "create table kept (); select current_user") == "postgres"
        assert first.home.path.parent == shelter
        assert Path("/proc", str(first.pid)).stat().st_uid == first.home.account.uid != 0
    with start(data_dir, settings=QUICK, shelter=shelter) as second:
        assert says(second, "select count(*) from kept") == "0"
    assert modes(data_dir.parent) == before

    erase(data_dir, shelter=shelter)
    assert not data_dir.exists()
    assert list(shelter.iterdir()) == []


@needs_root
def test_a_database_that_was_moved_and_is_lost_is_not_replaced_by_an_empty_one(closed: Path, shelter: Path) -> None:
    (closed / "data").mkdir()
    (closed / "data" / "moved").symlink_to(shelter / "home-gone")
    with pytest.raises(EmbeddedPostgresError, match="is not there"):
        start(closed / "data", shelter=shelter)


@needs_root
def test_a_passable_directory_keeps_the_database_and_its_parents_keep_their_modes(room: Path, shelter: Path) -> None:
    before = modes(room)
    with start(room / "data", settings=QUICK, shelter=shelter) as running:
        assert running.home.path == room / "data"
        assert running.home.cluster.stat().st_mode & 0o777 == 0o700
    assert modes(room) == before
    assert not shelter.exists()


@needs_root
def test_a_closed_directory_with_something_in_it_is_not_opened(closed: Path, shelter: Path) -> None:
    (closed / "something").touch()
    assert find_home(closed, shelter=shelter).path.parent == shelter
    assert closed.stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_database_whose_way_was_closed_later_says_so(closed: Path, shelter: Path) -> None:
    cluster = closed / "data" / "cluster"
    cluster.mkdir(parents=True)
    os.chown(cluster, ORDINARY.uid, ORDINARY.gid)
    with pytest.raises(EmbeddedPostgresError, match="Postgres runs as nobody, who may not enter"):
        start(closed / "data", shelter=shelter)


@needs_root
def test_programs_under_a_closed_directory_are_copied_once(room: Path, closed: Path, shelter: Path) -> None:
    anywhere = Home(path=room, account=ORDINARY, shelter=shelter)
    programs, major = find_binaries(anywhere)
    package = programs.parent.parent
    (closed / package.name).symlink_to(package)
    (closed / f"{package.name}.libs").symlink_to(package.with_name(f"{package.name}.libs"))
    setting = closed / package.name / programs.parent.name / "bin"

    with start(room / "data", binaries=setting, settings=QUICK, shelter=shelter) as running:
        bootstrap(running, owner_password="a", app_password="b")
        assert running.binaries.is_relative_to(shelter)
        assert says(running, "show server_version").startswith(f"{major}.")
    (copy,) = shelter.iterdir()
    made = copy.stat().st_ctime_ns
    assert find_binaries(anywhere, setting=setting) == (running.binaries, major)
    assert copy.stat().st_ctime_ns == made


@needs_root
def test_root_runs_another_users_database_as_that_user_who_can_go_on_with_it(room: Path) -> None:
    data_dir = room / "data"
    data_dir.mkdir()
    os.chown(data_dir, ORDINARY.uid, ORDINARY.gid)
    for _ in range(2):
        told = as_ordinary_user(data_dir)
        assert told.stdout.split() == [ORDINARY.name, "True", str(ORDINARY.uid)], told.stderr
        with start(data_dir, settings=QUICK) as running:
            assert running.home.account.name == ORDINARY.name
            assert says(running, "select current_user") == "postgres"


@needs_root
def test_an_ordinary_user_is_told_that_a_database_belongs_to_another(room: Path) -> None:
    (room / "data").mkdir()
    (room / "data" / "lock").touch(mode=0o600)
    told = as_ordinary_user(room / "data")
    assert "EmbeddedPostgresError: No access to" in told.stderr.splitlines()[-1]


@needs_root
def test_an_account_that_is_missing_is_named(room: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no account ghost"):
        start(room / "data", account="ghost")


@needs_root
def test_a_cluster_that_belongs_to_root_says_how_to_give_it_away(room: Path) -> None:
    (room / "data" / "cluster").mkdir(parents=True)
    with pytest.raises(EmbeddedPostgresError, match="chown -R postgres"):
        start(room / "data")


@needs_root
async def test_the_account_itself_is_let_in_and_another_is_not(room: Path) -> None:
    with start(room / "data", settings=QUICK, account="nobody") as running:
        bootstrap(running, owner_password="a", app_password="b")
        psql = [running.binaries / "psql", f"--host={running.socket_dir}", "--username=postgres", "--dbname=bitewing"]
        assert running.home.account == ORDINARY
        assert ORDINARY.can(*psql, "--no-password", "--command=select 1")
        running.socket_dir.chmod(0o755)  # even if the first wall were open
        (running.socket_dir / f".s.PGSQL.{running.port}").chmod(0o777)
        daemon = pwd.getpwnam("daemon")
        other = Account(name=daemon.pw_name, uid=daemon.pw_uid, gid=daemon.pw_gid)
        assert not other.can(*psql, "--no-password", "--command=select 1")


def test_an_ordinary_user_runs_it_as_itself(room: Path) -> None:
    data_dir = room / "data"
    data_dir.mkdir()
    if os.geteuid() == 0:
        os.chown(data_dir, ORDINARY.uid, ORDINARY.gid)
    told = as_ordinary_user(data_dir)
    owner = pwd.getpwuid(data_dir.stat().st_uid)
    assert told.stdout.split() == [owner.pw_name, "True", str(owner.pw_uid)], told.stderr
    assert data_dir.stat().st_mode & 0o777 == 0o700
