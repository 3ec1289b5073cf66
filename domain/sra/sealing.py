"""Signing and sealing: two people put their names to the analysis, and from the second name on nothing in it changes.

What is sealed is the data set that every format of the report is made from; its SHA-256 is printed in the report. Each
signature also keeps the hash of what its signer saw, so the second one can only stand under the same words as the first.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field, col, select

from domain.access import Permission, Principal
from domain.clock import now, rfc3339
from domain.errors import Conflict, Forbidden
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.jobs import RENDER_REPORT, enqueue
from domain.people.acting import acting_member
from domain.sra.answering import refuse_unless_open
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.sra.catalogue import catalogue
from domain.sra.completeness import completeness
from domain.sra.footprint import footprint_of
from domain.sra.reading import answers_of
from domain.sra.report.assembly import assemble
from domain.sra.report.dataset import ReportData, sha256
from domain.sra.report.lines import STATEMENTS
from domain.sra.world_rows import read_world
from domain.tenancy import Fields, TenantSession, one_of


class SignatureRole(StrEnum):
    preparer = "preparer"
    security_official = "security_official"


class ApprovalFields(Fields):
    """One signature, typed by the person who gives it."""

    role: SignatureRole = one_of(SignatureRole)
    name: str = Field(min_length=2, max_length=200)
    title: str = Field(min_length=2, max_length=200)


@dataclass(frozen=True)
class Verification:
    """Whether a sealed data set still has the hash that its report prints."""

    intact: bool | None
    """None while nothing is sealed: then there is nothing that could be broken."""
    sealed_sha256: str | None
    computed_sha256: str | None
    sealed_at: datetime | None


async def approve(
    session: TenantSession, assessment: Assessment, organization: Organization, fields: ApprovalFields, *, by: Principal
) -> Assessment:
    """Add a signature; with the second one the analysis is sealed, if nothing is missing.

    The practice's security official (45 CFR 164.308(a)(2)) signs last, over what the preparer has signed, and is somebody
    else: two keys of one member are one person.
    """
    official = fields.role is SignatureRole.security_official
    if official and not by.may(Permission.assessments_approve):
        raise Forbidden("Only somebody who may approve analyses signs as the practice's security official.")
    signer = acting_member(session)
    # Answers wait at the database from here on: nothing slips in between what is read now and the seal.
    await session.refresh(assessment, with_for_update=True)
    refuse_unless_open(assessment)
    await _refuse_incomplete(session, assessment, organization)
    moment = now()
    seen = what_is_signed(await assemble(session, assessment, organization, status="draft", at=moment))
    prepared = _standing_preparation(assessment, seen)
    if official and prepared is None:
        raise Conflict("The preparer signs first, and again after every change.", code="preparer_first")
    if prepared is not None and not official:
        raise Conflict("This signature has been given already.", code="already_signed")
    if prepared is not None and prepared["principal"]["member_id"] == str(signer):
        raise Conflict("The preparer cannot also sign as the security official. Another member signs.", code="same_person")
    role = "approver" if official else "preparer"
    signature: dict[str, Any] = {
        "role": role,
        "name": fields.name,
        "title": fields.title,
        "statement": STATEMENTS[role],
        "signed_at": rfc3339(moment),
        "principal": session.actor.named(),
        "signed_sha256": seen,
    }
    assessment.signatures = [*([prepared] if prepared else []), signature]
    await session.flush()
    emit(session, "assessment.signed", assessment, {"role": fields.role, "sha256": seen})
    if official:
        await _seal(session, assessment, organization, at=moment)
    return assessment


def what_is_signed(data: ReportData) -> str:
    """The hash of all that a signer vouches for: the data set without what the signing itself adds to it."""
    undated = {"status": "draft", "generated_at": data.edition.as_of}
    return sha256(
        data.model_copy(
            update={
                "edition": data.edition.model_copy(update=undated),
                "review": data.review.model_copy(update={"next_review_on": None}),
                "elements": (),
                "signatures": (),
                "history": (),
            }
        )
    )


def _standing_preparation(assessment: Assessment, seen: str) -> dict[str, Any] | None:
    """The preparer's signature, while what it was put under is still what would be sealed."""
    given = {each["role"]: each for each in assessment.signatures}
    prepared = given.get("preparer")
    return prepared if prepared is not None and prepared["signed_sha256"] == seen else None


async def _refuse_incomplete(session: TenantSession, assessment: Assessment, organization: Organization) -> None:
    elements = await completeness(session, assessment, organization)
    missing = list(dict.fromkeys(one.detail for each in elements for one in each.missing))
    if missing:
        shown = " ".join(missing[:5])
        rest = f" And {len(missing) - 5} more: see /completeness." if len(missing) > 5 else ""
        raise Conflict(f"The analysis is not complete. {shown}{rest}", code="incomplete")


async def _seal(session: TenantSession, assessment: Assessment, organization: Organization, *, at: datetime) -> None:
    data = await assemble(session, assessment, organization, status="sealed", at=at)
    await _supersede(session, assessment, at=at)
    assessment.footprint = await _footprint(session, assessment, organization)
    assessment.dataset = data.model_dump(mode="json", exclude={"seal"})
    assessment.sealed_sha256 = sha256(data)
    assessment.sealed_at = at
    assessment.status = AssessmentStatus.sealed
    await session.flush()
    emit(session, "assessment.approved", assessment, {"number": assessment.number, "sha256": assessment.sealed_sha256})
    enqueue(session, RENDER_REPORT, assessment_id=assessment.id)


async def _footprint(session: TenantSession, assessment: Assessment, organization: Organization) -> dict[str, Any]:
    """What the analysis was made over, for the moment of its evaluation: later changes are held against it."""
    from domain.sra.rules import evaluate  # noqa: PLC0415  the engine loads slowly, and most processes never evaluate

    assert assessment.as_of is not None, "completeness asks for an evaluation"
    book = catalogue(assessment.edition)
    answers = await answers_of(session, assessment)
    around = await read_world(session, organization, as_of=assessment.as_of, answers=answers, catalogue=book)
    return await footprint_of(session, organization, around, evaluate(around.world, book))


async def _supersede(session: TenantSession, assessment: Assessment, *, at: datetime) -> None:
    """The analysis in force until now stays readable, and has a last day from which its six years are counted."""
    statement = select(Assessment).where(
        col(Assessment.organization_id) == assessment.organization_id, col(Assessment.status) == AssessmentStatus.sealed
    )
    for earlier in (await session.execute(statement)).scalars():
        earlier.status = AssessmentStatus.superseded
        earlier.in_force_until = at.date()
        emit(session, "assessment.superseded", earlier, {"by": assessment.id})
    await session.flush()


async def report_data(session: TenantSession, assessment: Assessment, organization: Organization) -> ReportData:
    """The data set of the report: frozen once sealed, put together anew as a draft before that."""
    if assessment.status == AssessmentStatus.open:
        return await assemble(session, assessment, organization, status="draft", at=now())
    assert assessment.dataset is not None
    assert assessment.sealed_at is not None
    seal = {"sha256": assessment.sealed_sha256, "sealed_at": assessment.sealed_at}
    data = ReportData.model_validate({**assessment.dataset, "seal": seal})
    data.check_seal()
    return data


def verify(assessment: Assessment) -> Verification:
    """Recompute the hash of what was sealed."""
    if assessment.dataset is None:
        return Verification(None, None, None, None)
    computed = sha256(assessment.dataset)
    return Verification(computed == assessment.sealed_sha256, assessment.sealed_sha256, computed, assessment.sealed_at)
