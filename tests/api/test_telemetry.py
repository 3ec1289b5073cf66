"""What a library logs becomes a line of ours: no traceback, and nothing of what an error was about."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from api.telemetry import OthersLog

SECRET = "row of somebody"


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """A library's logger, with our handler as ``set_up_logging`` gives it to all of them."""
    logger = logging.getLogger("library.of.others")
    handler = OthersLog()
    logger.addHandler(handler)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


def test_an_exception_is_its_kind_and_its_place(library: logging.Logger) -> None:
    with capture_logs() as told:
        try:
            raise ConnectionResetError(SECRET)
        except ConnectionResetError as error:
            library.exception("Flush failed: %s, requeuing %d items", error, 3)
    [line] = told
    assert line.pop("where").startswith("test_telemetry.py:")
    message = "Flush failed: ConnectionResetError, requeuing 3 items"
    assert line == {
        "event": "library", "log_level": "error", "logger": "library.of.others", "message": message,
        "error": "ConnectionResetError",
    }  # fmt: skip


async def test_a_task_is_not_written_out_with_what_it_raised(library: logging.Logger) -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    with capture_logs() as told:
        library.error("Unhandled exception in task: %s", task, exc_info=task.exception())
        library.error(f"Task exception was never retrieved\nfuture: {task!r}", exc_info=task.exception())
    assert [each["message"] for each in told] == ["Unhandled exception in task: Task", "Task exception was never retrieved"]
    assert {each["error"] for each in told} == {"ValueError"}
    assert SECRET not in str(told)


def test_a_message_that_does_not_fit_its_words_is_told_all_the_same() -> None:
    with capture_logs() as told:
        OthersLog().emit(logging.makeLogRecord({"msg": "%d of %d", "args": ("one",), "levelno": logging.WARNING}))
        OthersLog().emit(logging.makeLogRecord({"msg": "100%", "levelno": logging.CRITICAL}))
    assert [(each["message"], each["log_level"]) for each in told] == [("%d of %d", "warning"), ("100%", "critical")]
