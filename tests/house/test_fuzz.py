"""Every operation with whatever Schemathesis thinks of: never a fault of ours, and always an answer as the contract says.

Few examples for each operation, with real ids in the paths, so that it gets past the door; ``test_bad_input`` is the
thorough one.
"""

# Schemathesis leaves the parameters of its own types open:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from domain.clock import new_id
from tests.house.full import FullHouse
from tests.house.operations import document, operations

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 2
LEFT_OUT = {"read_report": "sets a PDF each time", "sign_up": "hashes a password each time"}
"""Not for being safe: both are walked elsewhere."""


async def test_whatever_comes_the_contract_holds(http: httpx.AsyncClient, mine: FullHouse) -> None:
    loop = asyncio.get_running_loop()
    seen: Counter[int] = Counter()

    async def send(case: Any) -> Response:
        case.path_parameters = {**case.path_parameters, **ids_for(case, mine)}
        sent: Any = requests.Request(**case.as_transport_kwargs(base_url="http://bitewing.test")).prepare()
        said: dict[str, str] = {**sent.headers, "Authorization": f"Bearer {mine.owner.key_for(case.path)}"}
        headers = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
        content = sent.body.encode() if isinstance(sent.body, str) else sent.body
        answer = await http.request(sent.method, sent.url, headers=headers, content=content)
        heard = {name: answer.headers.get_list(name) for name in answer.headers}
        return Response(answer.status_code, heard, answer.content, request=sent, elapsed=0.0, verify=True)

    def fuzz() -> None:
        """Hypothesis is synchronous and runs beside the loop; the calls are made in it."""
        for operation in fuzzed():
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @settings(
                    max_examples=EXAMPLES,
                    derandomize=True,  # the machine that decides must not find what nobody can find again
                    phases=[Phase.generate],
                    deadline=None,
                    database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def each(case: Any) -> None:
                    answer = asyncio.run_coroutine_threadsafe(send(case), loop).result(timeout=60)
                    seen[answer.status_code] += 1
                    case.validate_response(answer, checks=CHECKS)

                each()

    await asyncio.to_thread(fuzz)
    assert seen.total() > len(operations()) * 2
    assert seen.keys() >= {200, 201, 404, 422}, "past the door, and turned back"


def fuzzed() -> Iterator[Any]:
    schema: Any = schemathesis.openapi.from_dict(document())
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] not in LEFT_OUT:
            yield operation


def ids_for(case: Any, house: FullHouse) -> dict[str, str]:
    """Ids of what is there; a deletion gets one of nothing, so that the house stays for the next."""
    names = case.operation.path.split("{")[1:]
    gone = case.operation.method.upper() == "DELETE"
    return {name.split("}")[0]: str(new_id()) if gone else house.ids[name.split("}")[0]] for name in names}
