"""Run every bench and print one table: ``make bench``."""

import asyncio
import shutil
import socket
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.runtime import database_targets
from domain.settings import load_settings
from migrations import migrate
from tests.bench.door import bench_door
from tests.bench.evaluation import bench_one, bench_portfolio
from tests.bench.faults import bench_faults
from tests.bench.imports import bench_imports
from tests.bench.lists import bench_lists
from tests.bench.report import bench_report
from tests.bench.webhooks import bench_webhooks


async def main() -> None:
    data_dir = Path(tempfile.mkdtemp(prefix="bw-bench-"))
    data_dir.chmod(0o755)
    try:
        settings = load_settings({"data_dir": data_dir, "port": _free_port()})
        async with database_targets(settings) as targets:
            await migrate(targets.connect_as_owner)
        rows = [
            *await bench_lists(settings),
            *await bench_imports(settings),
            *await bench_door(settings),
            bench_one(),
            await bench_portfolio(settings),
            *bench_report(),
            *await bench_webhooks(settings),
            await bench_faults(settings),
        ]
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    table = Table(title="Ratios against a limit in the same run")
    for column in ("What", "Ours", "Limit (pgbench, or asked)", "Ratio", "p50/p99"):
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


asyncio.run(main())
