"""Sends the sample practices to the API, as a technician would."""

import json
from pathlib import Path
from typing import Any

from tests.makers import Caller, expect

FOLDER = Path(__file__).parent
AS_OF = "2026-11-22T12:00:00Z"


def sample(practice: str, name: str) -> bytes:
    return (FOLDER / practice / name).read_bytes()


async def send(
    by: Caller, organization: str, source: str, files: dict[str, bytes], *, status: int = 201, **fields: Any
) -> dict[str, Any]:
    """An import as a form with files; what the API answers."""
    data = {"source": source, "as_of": AS_OF, **fields}
    if "mapping" in data:
        data["mapping"] = json.dumps(data["mapping"])
    parts = {name: (f"{name}.json", content, "application/octet-stream") for name, content in files.items()}
    answer = await by.request("POST", f"/organizations/{organization}/imports", data=data, files=parts)
    return expect(answer, status)


async def send_ninjaone(by: Caller, organization: str, practice: str, **fields: Any) -> dict[str, Any]:
    parts = ("devices", "volumes", "antivirus")
    files = {part: sample(practice, f"ninjaone-{part}.json") for part in parts}
    return await send(by, organization, "ninjaone", files, **fields)


async def send_survey(by: Caller, organization: str, practice: str, **fields: Any) -> dict[str, Any]:
    return await send(by, organization, "survey", {"file": sample(practice, "imaging-survey.json")}, **fields)
