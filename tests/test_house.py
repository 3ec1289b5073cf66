"""The rules of the house. A rule that nobody checks is prose, and prose rots.

Here are the rules about the source itself. Those about the running program stand one to a file in ``tests/house/``:

- ``test_egress``: no address that a customer names, and no name or redirect behind it, leads us inside.
- ``test_events``: whatever is made, changed or archived is on record, with what changed.
- ``test_doors``: every operation as nobody, without the permission, as a stranger, as a narrowed colleague
- ``test_matrix``: every operation, every role, at home, narrowed away and in another tenant, by a table of its own
- ``test_references``: every id that a body can say, with a stranger's in its place
- ``test_bad_input``: every parameter, every id in a path, every place of every body
- ``test_wall``: policies, keys and roles, read from the live catalog; events and sealed analyses cannot be changed
- ``test_migrations``: one head, no drift, harmless twice and at once
- ``test_contract``: ``openapi/v1.json`` current and whole (and ``tests/contract.py`` holds every answer against it)
- ``test_fuzz``: the same operations with whatever Schemathesis thinks of
- ``test_settings``: every setting in ``deploy/env.example``

``tests/test_isolation.py`` looks for a sequence of calls that passes the wall, ``tests/test_durability.py`` for one that
loses or doubles what was answered.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports  # pyright: ignore[reportUnknownVariableType]  untyped there

PROJECT = Path(__file__).parents[1]
ROOMS = ("api", "billing", "domain", "migrations")
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "service", "base", "misc"}
IDLE_VERBS = {"process", "handle", "manage", "perform"}
"""They say of no business what is done."""
ABOUT_300 = 330
LONG = {
    "api/door.py": "one request from its credential to its answer, read from top to bottom",
    "api/problems.py": "every error and its status, once",
    "api/v1/findings.py": "a finding is listed in three places, with the same columns and filters",
    "domain/inventory/fleet_importing.py": "one import from its file to its rows, which goes on after a kill",
    "domain/inventory/operating_systems.py": "names of systems and what they mean, as they come from tools",
    "domain/sra/report/lines.py": "one small function for each table of the report, beside ``rows``",
    "domain/sra/report/rows.py": "the shape of a sealed report, which must stand together to be compared",
    "domain/vendors/baas.py": "the life of an agreement, whose states are one machine",
}
"""Files that are longer and hold one noun all the same, each with its reason."""
AN_IGNORE = re.compile(r"# (?:noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)*|(?:pyright|type): ignore\[\w+(?:, \w+)*\])(?P<reason>.*)")
MAY_COMMIT = {"migrations/__init__.py", "migrations/env.py"}
"""Everywhere else ``tenant_session`` commits, and it alone."""


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((PROJECT / room).rglob("*.py"))


def test_the_rooms_keep_their_direction(capsys: pytest.CaptureFixture[str]) -> None:
    """The contracts of ``[tool.importlinter]``: api above billing above domain, and what none of them may know."""
    status = lint_imports(config_filename=str(PROJECT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_nobody_else_commits() -> None:
    committing = {
        str(path.relative_to(PROJECT))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert committing == MAY_COMMIT


def test_files_are_named_for_what_they_hold() -> None:
    assert {path for path in sources() if NO_NAMES & {path.stem, *path.relative_to(PROJECT).parent.parts}} == set()


def test_a_long_file_has_its_reason() -> None:
    """A file past about 300 lines hides a second noun. Migrations are written once and read never again."""
    written = (path for path in sources() if path.parent.name != "versions")
    long = {str(path.relative_to(PROJECT)) for path in written if len(path.read_bytes().splitlines()) > ABOUT_300}
    assert long == LONG.keys()


def test_verbs_are_those_of_the_business() -> None:
    idle = {
        f"{path.relative_to(PROJECT)}: {node.name}"
        for path in sources()
        if path.is_relative_to(PROJECT / "domain") or path.is_relative_to(PROJECT / "billing")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lstrip("_").split("_")[0] in IDLE_VERBS
    }
    assert idle == {"domain/outbound/transport.py: handle_async_request"}, "httpx calls it so"


def test_each_ignore_has_its_reason_beside_it() -> None:
    """Or above it: in a comment, or beside the same one."""
    without: list[str] = []
    for path in (*sources(), *sorted((PROJECT / "tests").rglob("*.py"))):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, (above, line) in enumerate(pairwise(["", *lines]), 1):
            found = AN_IGNORE.search(line)
            if found and not found["reason"].strip() and not above.lstrip().startswith("#") and not AN_IGNORE.search(above):
                without.append(f"{path.relative_to(PROJECT)}:{number}")
    assert without == []


def test_every_file_says_what_it_is_for() -> None:
    silent = {
        str(path.relative_to(PROJECT))
        for path in (*sources(), *sorted((PROJECT / "tests").rglob("*.py")))
        if path.read_bytes().strip() and not ast.get_docstring(ast.parse(path.read_bytes()))
    }
    assert silent == set()


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X:")
    assert {str(path) for path in sources() if any(mark in path.read_text(encoding="utf-8") for mark in marks)} == set()


def test_every_rule_has_its_file() -> None:
    listed = {line.split("``")[1] for line in (__doc__ or "").splitlines() if line.startswith("- ``")}
    assert listed == {path.stem for path in (PROJECT / "tests" / "house").glob("test_*.py")} - {"test_full_house"}
