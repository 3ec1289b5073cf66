"""Running the program: the API, the worker, or both in one process for one machine."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
import uvicorn

from api.app import build
from billing.duties import DUTIES
from domain.runtime import Runtime, Targets, database_targets, open_runtime
from domain.settings import Settings
from domain.worker import work
from migrations import migrate, newest_revision, revision_of, suffices

log = structlog.get_logger()

GRACE_SECONDS = 10


class NotMigrated(Exception):
    """The database has not the schema that this version needs."""


class AddressTaken(Exception):
    """The address to serve at cannot be had."""


class Server(uvicorn.Server):
    """uvicorn, telling when it listens, and on which port.

    uvicorn itself raises a signal anew once it has stopped, which would end the process before the worker and Postgres
    are stopped. Here a signal only asks it to stop; what comes after is ours. ``heeds_signals`` is for one per process.
    """

    def __init__(self, config: uvicorn.Config, *, heeds_signals: bool = True) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._heeds_signals = heeds_signals

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM) if self._heeds_signals else ()
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[object] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  uvicorn leaves it untyped
        await super().startup(sockets)  # pyright: ignore[reportArgumentType]
        log.info("api.listening", address=f"http://{self.config.host}:{self.port}")
        self.listening.set()

    @property
    def port(self) -> int:
        return self.servers[0].sockets[0].getsockname()[1]


@asynccontextmanager
async def opened(settings: Settings, *, migrating: bool) -> AsyncGenerator[tuple[Runtime, Targets]]:
    """The runtime over a database with the right schema: brought to it, or refused without it."""
    async with database_targets(settings) as targets:
        if migrating:
            await migrate(targets.connect_as_owner)
        async with open_runtime(settings, targets) as runtime:
            if not migrating:
                await _check_schema(runtime)
            yield runtime, targets


async def _check_schema(runtime: Runtime) -> None:
    found = await revision_of(runtime.database.connect)
    if not suffices(found):
        needed = newest_revision()
        raise NotMigrated(f"The database is at {found or 'nothing'}, this version needs {needed}. Run: bitewing migrate")


def bound(settings: Settings) -> socket.socket:
    """Our address, taken before anything is started or migrated. Who calls meanwhile waits until the server answers."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            taken.listen()
        except OSError:
            taken.close()
            raise
    except OSError as error:
        raise AddressTaken(
            f"{settings.host}:{settings.port} cannot be served at: {error.strerror}. Stop what listens there, or set "
            "BITEWING_HOST and BITEWING_PORT."
        ) from None
    return taken


def server(runtime: Runtime) -> Server:
    settings = runtime.settings
    config = uvicorn.Config(
        build(runtime),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe every local one; see BITEWING_TRUSTED_PROXIES
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    return Server(config)


async def serve(settings: Settings) -> None:
    """Answer requests until told to stop."""
    with bound(settings) as address:
        async with opened(settings, migrating=False) as (runtime, _):
            await server(runtime).serve([address])


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Do the queued work until told to stop."""
    async with opened(settings, migrating=False) as (runtime, _):
        await work(runtime, stop, more=DUTIES)


@dataclass(frozen=True)
class Everything:
    """API and worker in one process."""

    runtime: Runtime
    api: Server
    _tasks: frozenset[asyncio.Task[None]]

    async def until_told(self) -> None:
        """uvicorn hears SIGINT and SIGTERM. A worker that fails takes the process with it, to be started anew."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@asynccontextmanager
async def everything(settings: Settings) -> AsyncGenerator[Everything]:
    """Migrate, listen and work; the end of the block ends them in order: answers first, then jobs, then Postgres."""
    async with AsyncExitStack() as stack:
        address = stack.enter_context(bound(settings))
        runtime, _ = await stack.enter_async_context(opened(settings, migrating=True))
        stop = asyncio.Event()
        api = server(runtime)
        serving = asyncio.create_task(api.serve([address]))
        worker = asyncio.create_task(work(runtime, stop, more=DUTIES))
        running = Everything(runtime, api, frozenset({serving, worker}))
        listening = asyncio.create_task(api.listening.wait())
        try:
            await asyncio.wait({listening, serving, worker}, return_when=asyncio.FIRST_COMPLETED)
            if not api.listening.is_set():
                await running.until_told()
            yield running
        finally:
            listening.cancel()
            api.should_exit = True
            await asyncio.wait({serving})
            stop.set()
            await worker


async def up(settings: Settings) -> None:
    """Everything on one machine, until told to stop."""
    async with everything(settings) as running:
        await running.until_told()
