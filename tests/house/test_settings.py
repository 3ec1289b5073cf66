"""Every setting is explained in deploy/env.example, and a start with wrong ones says all that is wrong and no secret."""

import re
from pathlib import Path

import pytest

from domain.keyring import KeyRing
from domain.settings import Settings, SettingsError, load_settings

EXAMPLE = Path(__file__).parents[2] / "deploy" / "env.example"
SETTING = re.compile(r"(?P<unset># )?(?P<name>BITEWING_\w+)=(?P<value>\S.*)")
NAMES = {f"BITEWING_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing from the environment that the tests run in."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def written() -> list[re.Match[str]]:
    return [found for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if (found := SETTING.fullmatch(line))]


def test_every_setting_is_in_the_example_once_and_nothing_else_is() -> None:
    assert sorted(each["name"] for each in written()) == sorted(NAMES)
    mentioned = set(re.findall(r"BITEWING_\w+", EXAMPLE.read_text(encoding="utf-8")))
    assert mentioned == NAMES


def test_every_setting_is_explained() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if SETTING.fullmatch(line):
            above = next(each for each in reversed(lines[:number]) if not SETTING.fullmatch(each))
            assert above.startswith("# "), f"{line} has no word above it"
            assert not above.startswith("# ---"), f"{line} has no word above it"


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    for each in written():
        if not each["unset"]:
            monkeypatch.setenv(each["name"], each["value"])
    assert Settings() == defaults
    unset = {each["name"].removeprefix("BITEWING_").lower() for each in written() if each["unset"]}
    assert unset == {name for name, field in Settings.model_fields.items() if field.default in (None, ())}


def test_an_empty_setting_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert Settings() == defaults


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [KeyRing.generate_key(), KeyRing.generate_key()]
    monkeypatch.setenv("BITEWING_SECRET_KEYS", " , ".join(keys))
    monkeypatch.setenv("BITEWING_WEBHOOK_PORTS", "443,8443")
    settings = load_settings()
    assert [key.get_secret_value() for key in settings.secret_keys] == keys
    assert settings.webhook_ports == (443, 8443)
    assert all(key not in repr(settings) for key in keys)


def test_everything_that_is_wrong_is_said_at_once_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "BITEWING_DATABASE_URL": "mysql://app:hunter2@db/bitewing",
        "BITEWING_OWNER_DATABASE_URL": "hunter3",
        "BITEWING_SECRET_KEYS": "hunter4,bwk_hunter5",
        "BITEWING_POOL_SIZE": "many",
        "BITEWING_PORT": "99999",
        "BITEWING_PUBLIC_URL": "api.bitewing.example",
        "BITEWING_LOG_FORMAT": "xml",
        "BITEWING_WEBHOOK_PORTS": "https",
        "BITEWING_CORS_ORIGINS": "https://app.example/path",
        "BITEWING_RATE_LIMIT_URL": "http://hunter6@redis",
        "BITEWING_TRUSTED_PROXIES": "10.0.0.1/8",
        "BITEWING_BEGIN_IN_ONE_MESSAGE": "perhaps",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    said = str(refused.value)
    assert {name for name in NAMES if f"{name}: " in said} == wrong.keys()
    assert "hunter" not in said
    assert refused.value.__cause__ is None, "nor does a traceback show it"


def test_an_outside_database_needs_its_keys_even_when_more_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITEWING_DATABASE_URL", "postgresql://app:hunter2@db/bitewing")
    monkeypatch.setenv("BITEWING_PORT", "-1")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    lines = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["BITEWING_PORT", "BITEWING_SECRET_KEYS"]
    monkeypatch.setenv("BITEWING_PORT", "8800")
    monkeypatch.setenv("BITEWING_SECRET_KEYS", KeyRing.generate_key())
    assert not load_settings().embedded


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # pyright: ignore[reportAttributeAccessIssue]  that is what is tried
