"""Files in a folder and in an S3 store (``s3rver``, a server that speaks S3): the same manners in both."""

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile

import pytest

from domain.clock import new_id
from domain.errors import Unavailable
from domain.runtime import Runtime
from domain.storage import PIECE, FileDamaged, Files, open_files
from tests.makers import House

SERVER = Path(__file__).parents[1] / "peers" / "node_modules" / "s3rver" / "bin" / "s3rver.js"
needs_s3 = pytest.mark.skipif(
    not SERVER.exists() or shutil.which("node") is None, reason="needs node and: npm ci --prefix tests/peers"
)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket of a server of its own, as a setting names it; its credentials come from the environment as ever."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("s3")
    process = subprocess.Popen(
        ["node", SERVER, "-a", "127.0.0.1", "-p", str(port), "-d", folder, "--configure-bucket", "bitewing", "-s"]
    )
    known = {
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in known.items():
            environment.setenv(name, value)
        try:
            _wait_for(port)
            yield "s3://bitewing/installation"
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(params=["folder", pytest.param("s3", marks=needs_s3)])
def files(request: pytest.FixtureRequest, runtime: Runtime) -> Files:
    if request.param == "folder":
        return runtime.files
    return open_files(runtime.settings.model_copy(update={"files_url": request.getfixturevalue("bucket")}))


@pytest.mark.parametrize("size", [0, 5, PIECE, PIECE + 1, 2 * PIECE + 3])
async def test_what_was_put_is_what_is_got(files: Files, size: int) -> None:
    content = os.urandom(size)
    stored = await files.put(new_id(), content)
    assert stored.size == size
    assert await files.get(stored.key, stored.sha256) == content
    with SpooledTemporaryFile() as file:
        file.write(content)
        assert replace(await files.put(new_id(), file), key=stored.key) == stored, "a file in pieces is kept alike"


async def test_twice_the_same_is_one_file(files: Files) -> None:
    tenant = new_id()
    assert await files.put(tenant, b"policy") == await files.put(tenant, b"policy")
    assert await files.put(new_id(), b"policy") != await files.put(tenant, b"policy"), "tenants share nothing"


async def test_what_is_not_there_or_not_what_it_was_is_not_given(files: Files) -> None:
    stored = await files.put(new_id(), b"policy")
    with pytest.raises(FileDamaged):
        await files.open(stored.key, "0" * 64)
    with pytest.raises(Unavailable):
        await files.open(stored.key[:-1], stored.sha256)


async def test_a_large_file_never_stands_in_memory(files: Files) -> None:
    with TemporaryFile() as large:
        for _ in range(96):
            large.write(os.urandom(MIB))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stored = await files.put(new_id(), large)
        with await files.open(stored.key, stored.sha256) as back:
            assert sum(len(piece) for piece in iter(lambda: back.read(MIB), b"")) == 96 * MIB
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 64 * MIB, f"{grown / MIB:.0f} MB for a file of 96"


@needs_s3
async def test_a_store_that_is_away_is_a_503_and_nothing_is_kept(house: House, bucket: str) -> None:
    gone = open_files(house.runtime.settings.model_copy(update={"files_url": bucket.replace("bitewing", "nobodys")}))
    with pytest.raises(Unavailable):
        await gone.put(new_id(), b"policy")
