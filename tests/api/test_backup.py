"""A backup is the whole installation, and a restore is that installation again: rows, walls, secrets and files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.backup import BackupRefused, back_up, restore
from billing.trials import begin_trial
from domain.database import tenant_session
from domain.inventory.organizations import Organization, OrganizationFields, take_on
from domain.people.signup import SignupFields, sign_up
from domain.runtime import database_targets, open_runtime
from domain.settings import Settings, load_settings
from domain.tenancy import NOBODY, NOBODYS_TENANT, SYSTEM, Wall
from migrations import migrate


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bw-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


async def test_a_restored_installation_is_the_same(folder: Path) -> None:
    before = load_settings({"data_dir": folder / "one"})
    async with database_targets(before) as targets:
        await migrate(targets.connect_as_owner)
        async with open_runtime(before, targets) as runtime:
            fields = SignupFields.model_validate(
                {"tenant_name": "MSP", "name": "Ann", "email": "ann@msp.example.com", "password": "a long passphrase"}
            )
            async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY) as session:
                made = await sign_up(session, fields, runtime)
                await begin_trial(session, made.tenant)
            wall = Wall(made.tenant.id)
            async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
                practice = await take_on(session, OrganizationFields(name="Lakeview"))
            stored = await runtime.files.put(made.tenant.id, b"evidence")
            sealed = runtime.keyring.encrypt("secret", context="test")
    back_up(before, folder / "all.tar")
    assert (folder / "all.tar").stat().st_mode & 0o077 == 0, "nobody else may read it"

    after = load_settings({"data_dir": folder / "two"})
    restore(after, folder / "all.tar")
    async with database_targets(after) as targets, open_runtime(after, targets) as runtime:
        async with tenant_session(runtime.database, wall, actor=SYSTEM, read_only=True) as session:
            assert (await session.fetch(Organization, practice.id)).name == "Lakeview"
        assert await runtime.files.get(stored.key, stored.sha256) == b"evidence"
        assert runtime.keyring.decrypt_text(sealed, context="test") == "secret"


def test_nothing_is_overwritten(folder: Path) -> None:
    settings = load_settings({"data_dir": folder})
    (folder / "something").write_text("here", encoding="utf-8")
    with pytest.raises(BackupRefused, match="not empty"):
        restore(settings, folder / "something")
    with pytest.raises(BackupRefused, match="there already"):
        back_up(settings, folder / "something")


def test_a_file_that_is_no_backup_is_refused(folder: Path) -> None:
    (folder / "x.tar").write_bytes(b"not a tar")
    with pytest.raises(BackupRefused, match="not a backup"):
        restore(load_settings({"data_dir": folder / "new"}), folder / "x.tar")


def test_an_outside_database_has_its_own_tools() -> None:
    outside = Settings.model_construct(database_url="postgresql://example.test/x")
    with pytest.raises(BackupRefused, match="its own tools"):
        back_up(outside, Path("x"))
