"""``bitewing``: the command line. Each command is one sentence here; what it does stands elsewhere."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import uvloop

from api.telemetry import set_up_logging
from domain.settings import Settings, SettingsError, load_settings

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

money = typer.Typer(help="The operator's side of money.", no_args_is_help=True)
app.add_typer(money, name="billing")


factors = typer.Typer(help="Second factors that somebody has lost.", no_args_is_help=True)
app.add_typer(factors, name="factors")
keys = typer.Typer(help="The keys that seal stored secrets.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command()
def up() -> None:
    """Run everything on one machine: Postgres if needed, migrations, API and worker."""
    from api.serving import up as run_everything

    _run(run_everything(_settings()))


@app.command()
def serve() -> None:
    """Serve the API. The database must be migrated."""
    from api.serving import serve as serve_api

    _run(serve_api(_settings()))


@app.command()
def worker() -> None:
    """Do the queued work: deliveries, reports, reminders. Start as many as you like."""
    _run(_worker(_settings()))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema, as its owner."""
    _run(_migrate(_settings()))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit when done instead of staying up.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as one JSON object.")] = False,
) -> None:
    """Run the main job end to end on a sample practice: from an RMM export to a sealed analysis and a signed webhook."""
    from api.demo import run_demo

    _run(run_demo(_settings(log_level="warning"), once=once, as_json=as_json))


@app.command()
def doctor(
    jobs: Annotated[bool, typer.Option(help="Show what waits in the queue, what runs, and what was set aside.")] = False,
) -> None:
    """Check the installation and say what to mend. Exits with 1 if something must be mended."""
    from api.doctor import examine, examine_jobs

    raise typer.Exit(0 if _run((examine_jobs if jobs else examine)(_settings())) else 1)


@keys.command("new")
def new_key() -> None:
    """Make a key for BITEWING_SECRET_KEYS, and print it."""
    from domain.keyring import KeyRing

    typer.echo(KeyRing.generate_key())


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal every stored secret anew with the first key of BITEWING_SECRET_KEYS. May be stopped, and run again."""
    raise typer.Exit(0 if _run(_rotate_keys(_settings(log_level="warning"))) else 1)


@factors.command("reset")
def reset_factors(email: Annotated[str, typer.Argument(help="The person's address. Make sure first who is asking.")]) -> None:
    """Take all second factors and recovery codes of a person away, and end their sessions, in every account they have."""
    raise typer.Exit(0 if _run(_reset_factors(_settings(log_level="warning"), email)) else 1)


@app.command()
def backup(path: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Write everything of a one-machine installation to one file: database, files and secrets."""
    from api.backup import back_up

    _say(back_up, _settings(), path)


@app.command()
def restore(path: Annotated[Path, typer.Argument(help="What 'backup' wrote.")]) -> None:
    """Make an installation from a backup, in an empty data directory."""
    from api.backup import restore as restore_from

    _say(restore_from, _settings(), path)


@app.command()
def openapi(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("openapi/v1.json")) -> None:
    """Write the contract."""
    from api.app import contract_of_the_program
    from api.openapi import as_text

    try:
        path.write_text(as_text(contract_of_the_program()), encoding="utf-8")
    except OSError as error:
        typer.echo(f"bitewing: {error}", err=True)
        raise typer.Exit(1) from None


@money.command("sync")
def billing_sync() -> None:
    """Tell Stripe of every price, and move accounts that were kept here into its ledger. Needs BITEWING_STRIPE_API_KEY."""
    from api.billing_commands import sync

    settings = _settings()
    if settings.stripe_api_key is None:
        typer.echo("bitewing: Set BITEWING_STRIPE_API_KEY first.", err=True)
        raise typer.Exit(1)
    _run(sync(settings))


@money.command("approve")
def billing_approve(tenant_id: UUID, quote_id: UUID, percent: Annotated[int, typer.Argument(min=0, max=100)]) -> None:
    """Agree to a discount of a draft quote."""
    from api.billing_commands import approve

    _run(approve(_settings(), tenant_id, quote_id, percent))


@money.command("overview")
def billing_overview() -> None:
    """Yearly revenue, renewals by month and what is past due, over all tenants, as JSON."""
    from api.billing_commands import overview

    _run(overview(_settings(log_level="warning")))


async def _worker(settings: Settings) -> None:
    from api.serving import run_worker

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(settings, stop)


async def _reset_factors(settings: Settings, email: str) -> bool:
    from api.serving import opened
    from domain.errors import NotFound
    from domain.people.factor_reset import reset_by_operator

    async with opened(settings, migrating=False) as (runtime, _):
        try:
            await reset_by_operator(runtime, email)
        except NotFound:
            typer.echo("bitewing: Nobody has this address.", err=True)
            return False
    typer.echo(f"{email} signs in with the password alone, and sets a new factor up.")
    return True


async def _rotate_keys(settings: Settings) -> bool:
    from api.serving import opened
    from domain.resealing import reseal_everything

    async with opened(settings, migrating=False) as (runtime, _):
        counts = await reseal_everything(runtime)
    for count in counts:
        said = f"{count.sealed_anew} sealed anew, {count.already} were already, {count.unreadable} unreadable"
        typer.echo(f"{count.place.table}.{count.place.column}: {said}")
    unreadable = sum(count.unreadable for count in counts)
    typer.echo(
        f"{unreadable} secrets were sealed by keys that are not in BITEWING_SECRET_KEYS: put those keys back, at the end."
        if unreadable
        else "Every secret is sealed by the first key. Once every process has it, the others can be taken away."
    )
    return unreadable == 0


async def _migrate(settings: Settings) -> None:
    from domain.runtime import database_targets
    from migrations import migrate as run_migrations

    async with database_targets(settings) as targets:
        await run_migrations(targets.connect_as_owner)


def _settings(**overrides: Any) -> Settings:
    try:
        settings = load_settings(overrides)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    set_up_logging(settings)
    return settings


def _run(job: Coroutine[Any, Any, Any]) -> Any:
    """Run a command; what its user can mend is said in one sentence, without a traceback."""
    gc.freeze()
    gc.enable()
    try:
        return uvloop.run(_until_terminated(job))
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    except _speakable() as error:
        typer.echo(f"bitewing: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _until_terminated(job: Coroutine[Any, Any, Any]) -> Any:
    """SIGTERM ends a command in order, also one that has not begun to serve: what it opened is closed."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await job


def _say(act: Callable[[Settings, Path], None], settings: Settings, path: Path) -> None:
    try:
        act(settings, path)
    except _speakable() as error:
        typer.echo(f"bitewing: {error}", err=True)
        raise typer.Exit(1) from None


def _speakable() -> tuple[type[Exception], ...]:
    from api.backup import BackupRefused
    from api.demo import DemoFailed
    from api.serving import AddressTaken, NotMigrated
    from domain.embedded_postgres import EmbeddedPostgresError
    from domain.errors import DomainError
    from domain.keyring import KeyRingError
    from domain.runtime import NoOwner

    return (
        DomainError,
        AddressTaken,
        BackupRefused,
        DemoFailed,
        NotMigrated,
        NoOwner,
        EmbeddedPostgresError,
        KeyRingError,
        OSError,
    )


def main() -> None:
    """The entry point of the ``bitewing`` script."""
    sys.argv[0] = "bitewing"
    gc.disable()  # loading makes many objects and no garbage; looking for some costs a tenth of the start
    app()


if __name__ == "__main__":
    main()
