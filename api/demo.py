"""The demo: the main job end to end, through the public API, on a sample practice that ships with us. Only the seat of the
practice's security official, who signs last, is given without it.

Every figure that it prints was answered by the running program. The receiver of the webhook verifies signatures with the
independent ``standardwebhooks`` library, not with our own signer.
"""

import json
import secrets
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from api.demo_account import Account, print_account
from api.demo_official import NAME as OFFICIAL
from api.demo_official import seat_the_official
from api.demo_receiver import Receiver
from api.serving import Everything, everything
from domain.clock import today
from domain.runtime import Runtime
from domain.settings import Settings

SAMPLE = files("api.sample")
AS_OF = "2026-11-22T12:00:00Z"
"""The sample's own "now", so that the demo finds the same risks on any day."""
DUE_IN_DAYS = {"very_high": 14, "high": 30, "moderate": 90, "low": 180, "very_low": 180}
SCOPE = (
    "All ePHI of the practice at its one location: every device and system on the inventory, the images on them, the vendors "
    "that reach them, and removable media. Paper records are left out; they are covered by the Privacy Rule policies."
)
SEALED = "assessment.approved"


class DemoFailed(Exception):
    """A step did not answer as it should; the message is what it answered."""


async def run_demo(settings: Settings, *, once: bool, as_json: bool) -> None:
    """Start everything, run the main job, print the account, and stay up unless told otherwise."""
    changes: dict[str, Any] = {"webhook_allow_http": True, "webhook_allow_loopback": True}
    if once:
        changes["port"] = 0
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(everything(settings.model_copy(update=changes)))
        receiver = await stack.enter_async_context(Receiver())
        base_url = f"http://{settings.host}:{running.api.port}"
        account = Account(base_url)
        console = Console(stderr=True)
        if not as_json:
            console.print(f"Serving at {base_url}. The main job runs now, through its API.\n")
        async with httpx.AsyncClient(base_url=f"{base_url}/v1", timeout=120, trust_env=False) as http:
            bar = Progress(TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn(), console=console)
            try:
                with bar:
                    await Walk(http, receiver, account, running.runtime, bar).whole()
            except httpx.TransportError as error:
                raise DemoFailed("The server was stopped before the main job was done. Start again.") from error
        if as_json:
            sys.stdout.write(account.as_json() + "\n")
            sys.stdout.flush()
        else:
            print_account(Console(), account)
        if not once:
            await _stay(running, console, quiet=as_json)


async def _stay(running: Everything, console: Console, *, quiet: bool) -> None:
    if not quiet:
        console.print("\nStill serving. Press Ctrl-C to stop; the data stays.")
    await running.until_told()


class Walk:
    """One walk through the main job. Each method is a step; each step is a few calls that a partner could make."""

    def __init__(self, http: httpx.AsyncClient, receiver: Receiver, account: Account, runtime: Runtime, bar: Progress) -> None:
        self._http = http
        self._receiver = receiver
        self._account = account
        self._runtime = runtime
        self._bar = bar

    async def whole(self) -> None:
        await self._sign_up()
        await self._import_inventory()
        await self._ask_about_vendors()
        await self._open_and_answer()
        await self._evaluate()
        await self._plan()
        await self._seal()
        await self._fetch_report()
        await self._hear_of_it()

    async def _sign_up(self) -> None:
        step = self._step("Signing up", 3)
        body = {
            "tenant_name": "Demo MSP",
            "name": "Demo Owner",
            "email": f"owner-{secrets.token_hex(6)}@msp.example.com",
            "password": secrets.token_urlsafe(24),
        }
        made = await self._send("POST", "/signup", json=body)
        self._account.api_key = made["api_key"]
        self._account.tenant_id = made["tenant"]["id"]
        self._http.headers["Authorization"] = f"Bearer {made['api_key']}"
        self._bar.advance(step)
        practice = {"name": "Lakeview Family Dental", "legal_name": "Lakeview Family Dental, P.C. (fictional)", "state": "PA"}
        self._account.organization_id = (await self._send("POST", "/organizations", json=practice))["id"]
        self._bar.advance(step)
        endpoint = await self._send("POST", "/webhook-endpoints", json={"url": self._receiver.url, "description": "Demo"})
        self._receiver.trust(endpoint["secret"])
        self._bar.advance(step)

    async def _import_inventory(self) -> None:
        step = self._step("Importing NinjaOne and the survey", 2)
        path = f"/organizations/{self._account.organization_id}/imports"
        parts = {
            name: (f"ninjaone-{name}.json", _sample(f"ninjaone-{name}.json"), "application/json")
            for name in ("devices", "volumes", "antivirus")
        }
        await self._send("POST", path, data={"source": "ninjaone", "as_of": AS_OF}, files=parts)
        self._bar.advance(step)
        survey = json.loads(_sample("imaging-survey.json"))
        await self._send("POST", path, json={"source": "survey", "as_of": AS_OF, "document": survey})
        self._bar.advance(step)

    async def _ask_about_vendors(self) -> None:
        step = self._step("Deciding who needs a BAA", 1)
        names = {each["id"]: each["name"] async for each in self._all("/vendors")}
        path = f"/organizations/{self._account.organization_id}/engagements"
        missing: dict[str, dict[str, Any]] = {}
        async for each in self._all(path, baa_required="true", compliant="false"):
            decision = each["baa_decision"]
            missing[each["vendor_id"]] = {
                "vendor": names[each["vendor_id"]],
                "reason": decision["reason"],
                "citation": decision["citation"],
                "state": decision["baa_state"],
            }
        self._account.without_baa = list(missing.values())
        self._bar.advance(step)

    async def _open_and_answer(self) -> None:
        opening = {"scope": SCOPE}
        path = f"/organizations/{self._account.organization_id}/assessments"
        assessment = await self._send("POST", path, json=opening)
        self._account.assessment_id = assessment["id"]
        await self._send("POST", f"/assessments/{assessment['id']}/evaluation", json={"as_of": AS_OF})
        topics = [each async for each in self._all(f"/assessments/{assessment['id']}/topics", answered="false")]
        step = self._step("Answering the guided questions", len(topics))
        interview: dict[str, dict[str, Any]] = json.loads(_sample("interview.json"))
        for topic in topics:
            reply = interview.get(topic["id"]) or _confirmed(topic)
            await self._send("PUT", f"/assessments/{assessment['id']}/answers/{topic['id']}", json=reply)
            self._bar.advance(step)

    async def _evaluate(self) -> None:
        step = self._step("Evaluating 118 threat rules", 1)
        body = {"as_of": AS_OF}
        result = await self._send("POST", f"/assessments/{self._account.assessment_id}/evaluation", json=body)
        self._account.findings_by_level = result["findings_by_level"]
        self._account.undetermined = result["undetermined"]
        self._bar.advance(step)

    async def _plan(self) -> None:
        path = f"/organizations/{self._account.organization_id}"
        findings = [each async for each in self._all(f"{path}/findings", sort="-level")]
        self._account.worst = findings[:5]
        pieces = _pieces_of_work(findings)
        step = self._step("Planning the work", len(pieces))
        for piece in pieces:
            worst = piece[0]
            body = {
                "title": worst["title"][:300],
                "description": worst["remediation"],
                "owner": "Demo MSP",
                "due_on": (today() + timedelta(days=DUE_IN_DAYS[worst["level"]])).isoformat(),
                "priority": "urgent" if worst["level"] == "very_high" else "high" if worst["level"] == "high" else "normal",
                "finding_ids": [each["id"] for each in piece],
            }
            await self._send("POST", f"{path}/tasks", json=body)
            self._bar.advance(step)
        self._account.tasks = len(pieces)

    async def _seal(self) -> None:
        path = f"/assessments/{self._account.assessment_id}"
        step = self._step("Checking, signing and sealing", 3)
        state = await self._send("GET", f"{path}/completeness")
        if not state["complete"]:
            raise DemoFailed(json.dumps([one for each in state["elements"] for one in each["missing"]][:5]))
        self._bar.advance(step)
        prepared = {"role": "preparer", "name": "Dana Demo (fictional)", "title": "Security analyst, Demo MSP"}
        await self._send("POST", f"{path}/approval", json=prepared)
        self._bar.advance(step)
        key = await seat_the_official(
            self._runtime,
            tenant_id=UUID(self._account.tenant_id),
            organization_id=UUID(self._account.organization_id),
        )
        approved = {"role": "security_official", "name": OFFICIAL, "title": "Office manager and security official"}
        by_the_official = {"Authorization": f"Bearer {key}"}
        sealed = await self._send("POST", f"{path}/approval", json=approved, headers=by_the_official)
        self._bar.advance(step)
        self._account.sealed_sha256 = sealed["sealed_sha256"]

    async def _fetch_report(self) -> None:
        step = self._step("Printing the report", 1)
        path = f"/assessments/{self._account.assessment_id}/report"
        answer = await self._http.get(path, headers={"Accept": "application/pdf"})
        if answer.status_code != 200:
            raise DemoFailed(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        folder = self._runtime.settings.data_dir / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"risk-analysis-{self._account.assessment_id}.pdf"
        target.write_bytes(answer.content)
        self._account.report_pdf = str(target.resolve())
        self._bar.advance(step)

    async def _hear_of_it(self) -> None:
        step = self._step("Waiting for the signed webhook", 1)
        self._account.webhook_verified = await self._receiver.heard(SEALED, within=60)
        self._account.webhooks_received = len(self._receiver.verified)
        self._bar.advance(step)
        if not self._account.webhook_verified:
            raise DemoFailed(f"No verified webhook of {SEALED} came within a minute.")

    def _step(self, words: str, total: int) -> TaskID:
        return self._bar.add_task(words, total=total)

    async def _send(self, method: str, path: str, **arguments: Any) -> Any:
        answer = await self._http.request(method, path, **arguments)
        if answer.status_code >= 300:
            raise DemoFailed(f"{method} {path}: {answer.status_code} {answer.text[:800]}")
        return answer.json() if answer.content else None

    async def _all(self, path: str, **filters: str) -> AsyncGenerator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = await self._send("GET", path, params={"limit": "200", **filters, **after})
            for item in page["data"]:
                yield item
            if page["next"] is None:
                return
            after = {"after": page["next"]}


def _confirmed(topic: Mapping[str, Any]) -> dict[str, Any]:
    """What the interview did not touch: the proposed answer, said in a person's name with what it rests on; without a
    proposal, that nobody knows.
    """
    proposal: Mapping[str, Any] = topic["proposal"]
    if not proposal.get("state"):
        return {"state": "unknown", "rationale": "Nobody at the practice could say."}
    because = " ".join(proposal["because"])[:3500]
    return {"state": proposal["state"], "rationale": f"Confirmed from the facts on record. {because}"}


def _pieces_of_work(findings: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Open findings by their common cause: a plan of a hundred findings reads as some forty pieces of work."""
    pieces: dict[str, list[dict[str, Any]]] = {}
    for each in findings:
        if each["status"] == "open":
            pieces.setdefault(each["cause"], []).append(each)
    return list(pieces.values())


def _sample(name: str) -> bytes:
    return (SAMPLE / name).read_bytes()
