"""Taking a technician's survey: what somebody saw and asked at the practice becomes its inventory, vendors and papers.

One transaction; every row is decided upon before any is written, so that a dry run decides the same.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import col

from domain.bulk import insert_rows, update_rows
from domain.clock import now, rfc3339
from domain.coverage import may_hold
from domain.errors import Invalid
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.inventory.claims import SURVEY
from domain.inventory.devices import Device
from domain.inventory.factual import FACTUAL
from domain.inventory.groups import sort_into_groups
from domain.inventory.import_intake import one_import_at_a_time
from domain.inventory.import_reports import Report, keep_report
from domain.inventory.import_runs import ImportRow, ImportRun, RowOutcome
from domain.inventory.importing import Export
from domain.inventory.imports.survey import read_survey
from domain.inventory.imports.survey_form import SCHEMA, Survey
from domain.inventory.organizations import Organization
from domain.inventory.raw_rows import may_name_a_patient
from domain.inventory.reviews import note_disagreements
from domain.inventory.sent_files import refuse_what_is_no_export
from domain.inventory.survey_desk import TABLES, lay_out, place_entries, remember
from domain.inventory.survey_rows import surveyed_on
from domain.inventory.survey_taking import Taking, subject_of
from domain.tenancy import TenantOwned, TenantSession
from domain.vendors.vendors import Vendor

WRITTEN: Sequence[type[TenantOwned]] = (Organization, Vendor, *TABLES.values())
"""Parents before children."""


async def take_survey(session: TenantSession, organization: Organization, export: Export) -> Report:
    """Bring everything that is known of an organization up to what its survey says.

    Raises UnreadableImport for what is no survey at all. Things are known again by the survey's own ids, kept as ``ref``.
    """
    refuse_what_is_no_export(export.files)
    if len(export.files) != 1:
        raise Invalid.one("/documents", "one_document", "A survey is one document.")
    survey = await asyncio.to_thread(read_survey, export.files[0].content)
    refused = await _refused(session, survey)
    survey = replace(survey, risks=tuple(risk for risk in survey.risks if risk.pointer not in refused))
    session.context = {**session.context, "source": SURVEY}
    await one_import_at_a_time(session, organization.id)
    await _one_survey_at_a_time(session)
    last = await _last_survey(session, organization)
    desk = await lay_out(session, organization, survey, lock=not export.dry_run)
    place_entries(desk, frozenset(refused))
    remember(desk, last)
    as_of = export.as_of or survey.as_of_time or now()
    report = Report(SURVEY, as_of, [file.described() for file in export.files])
    looked_on = surveyed_on(survey) or as_of.date()
    taking = Taking(desk, last, report, observed_at=rfc3339(datetime.combine(looked_on, time(), UTC)))
    taking.take(refused)
    new = sum(card.is_new for card in desk.shelves[Device].cards)
    await may_hold(session, organization.id, more_devices=new)
    if not export.dry_run:
        await _archive_moved(session, taking)
        await _write(session, taking)
        await session.refresh(organization)
        await sort_into_groups(session, organization)
        await keep_report(session, organization, report)
    return report


async def _one_survey_at_a_time(session: TenantSession) -> None:
    """Two surveys at once would both find the same vendor missing, and add it to the tenant's list twice."""
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"surveys:{session.tenant_id}")


async def _refused(session: TenantSession, survey: Survey) -> dict[str, str]:
    """Pointers of entries that seem to name a patient, each with the sentence that says so."""
    refused: dict[str, str] = {}
    for entry in survey.entries():
        if may_name_a_patient(json.dumps(entry.raw)):
            try:
                await keep_patients_out(session, entry.raw)
            except Invalid as refusal:
                refused[entry.pointer] = refusal.faults[0].detail
    for entry in (survey.practice, survey.sra):
        if entry is not None:
            await keep_patients_out(session, {entry.section: entry.raw})
    return refused


async def _last_survey(session: TenantSession, organization: Organization) -> Survey:
    """What surveys have said before: of each row the latest entry, read again."""
    columns: list[Any] = [ImportRow.subject_id, ImportRow.pointer, ImportRow.raw]
    statement = (
        select(*columns)
        .join(ImportRun, col(ImportRun.id) == col(ImportRow.import_run_id))
        .where(
            col(ImportRow.organization_id) == organization.id,
            col(ImportRun.source) == SURVEY,
            col(ImportRow.outcome).in_([RowOutcome.created, RowOutcome.updated, RowOutcome.unchanged]),
        )
        .order_by(col(ImportRow.subject_id), col(ImportRow.id).desc())
        .ext(distinct_on(col(ImportRow.subject_id)))
    )
    document: dict[str, Any] = {"schema": SCHEMA, "policies": {}}
    said: list[Any] = list(await session.execute(statement))
    for _, pointer, raw in said:
        section = pointer.split("/")[1]
        if section == "practice":
            document |= {name: part for name, part in raw.items() if part is not None}
        elif section == "policies":
            document["policies"] |= raw
        else:
            document.setdefault(section, []).append(raw)
    return await asyncio.to_thread(read_survey, json.dumps(document).encode())


async def _archive_moved(session: TenantSession, taking: Taking) -> None:
    """First of all, because what takes their place may take over their id in a management tool."""
    for shelf, card in taking.desk.moved:
        await update_rows(session, shelf.kind, [card.values])
        emit(session, f"{shelf.kind.noun}.archived", subject_of(shelf.kind, card))


async def _write(session: TenantSession, taking: Taking) -> None:
    for kind in WRITTEN:
        cards = list({id(card): card for card in taking.decided.get(kind, ())}.values())
        new = [card for card in cards if card.is_new]
        known = [card for card in cards if not card.is_new and card.is_to_be_written]
        await insert_rows(session, kind, (card.values for card in new))
        await update_rows(session, kind, (card.values for card in known))
        for card in new:
            emit(session, f"{kind.noun}.created", subject_of(kind, card), card.told_first())
        for card in filter(lambda card: card.is_changed, known):
            emit(session, f"{kind.noun}.updated", subject_of(kind, card), card.changes())
        if kind.noun in FACTUAL:
            await note_disagreements(session, kind.noun, SURVEY, cards)
