"""The order of the report: cover, what was found, what it rests on, what is done about it, and how it was made.

Every section is always there. A part that is empty says "none recorded".
"""

from domain.sra.report import section_closing, section_measures, section_results, section_risks, section_system
from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Cover, Document, Line, Section, SignatureLine
from domain.sra.report.words import cell, day, joined, moment, period, said

DEFAULT_COLOUR = "#1f4e79"
ROLES = {"preparer": "Prepared by", "approver": "Approved by"}
RUNNING_LENGTH = 70


def compose(data: ReportData) -> Document:
    """The whole report as blocks. SealBroken when the data is not what its seal says."""
    data.check_seal()
    edition = data.edition
    name = data.practice.legal_name
    short = name if len(name) <= RUNNING_LENGTH else name[: RUNNING_LENGTH - 1] + "…"
    seal = data.seal
    return Document(
        title=f"{data.title}: {name}",
        language="en",
        brand=data.brand.name,
        colour=data.brand.colour or DEFAULT_COLOUR,
        draft=seal is None,
        running=f"{short} · {data.title}, version {edition.version}",
        footing="DRAFT: not sealed, not approved" if seal is None else f"Sealed. SHA-256 {seal.sha256}",
        description=f"{data.title} of {name}, version {edition.version}, as of {moment(edition.as_of)}",
        cover=_cover(data),
        sections=tuple(_numbered(_sections(data))),
    )


def _sections(data: ReportData) -> list[Section]:
    return [
        section_results.glance(data),
        section_system.scope(data),
        section_system.collection(data),
        section_system.inventory(data),
        section_system.network(data),
        section_system.vendors(data),
        section_risks.threats(data),
        section_measures.measures(data),
        section_risks.risks(data),
        section_risks.plan(data),
        section_measures.unknowns(data),
        section_closing.review(data),
        section_closing.changes(data),
        section_closing.method(data),
        section_closing.laws(data),
        section_closing.evidence(data),
        section_closing.history(data),
        section_closing.proposed(data),
    ]


def _numbered(sections: list[Section]) -> list[Section]:
    appendix = 0
    named: list[Section] = []
    for number, section in enumerate(sections, start=1):
        if section.title.startswith("Appendix"):
            label = f"Appendix {chr(ord('A') + appendix)}{section.title.removeprefix('Appendix')}"
            appendix += 1
        else:
            label = f"{number}. {section.title}"
        named.append(Section(label, section.layout, section.blocks))
    return named


def _cover(data: ReportData) -> Cover:
    edition, seal, prior = data.edition, data.seal, data.prior
    places = tuple(Line(f"{place.name}, {place.address}" if place.address else place.name) for place in data.practice.locations)
    before = "None: this is the first version on record"
    if prior is not None:
        sealed = moment(prior.sealed_at)
        before = f"Version {prior.version}, {f'sealed {sealed}' if sealed else 'seal date not recorded'}"
    return Cover(
        practice=data.practice.legal_name,
        facts=(
            ("Locations", places or (said(None),)),
            ("Version", cell(f"{edition.version} ({'draft' if seal is None else 'sealed'})")),
            ("As of", cell(moment(edition.as_of))),
            ("Period", (said(period(edition.period_start, edition.period_end)),)),
            ("Method", cell(data.method.name, Line(f"Scale {data.method.scale_version}", "muted"))),
            ("Ruleset", cell(edition.ruleset, Line(f"Catalogue edition {edition.catalogue_edition}", "muted"))),
            ("Prior version", cell(before, Line(f"SHA-256 {prior.sha256}", "code") if prior and prior.sha256 else None)),
            ("Report made", cell(moment(edition.generated_at))),
        ),
        signatures=tuple(
            SignatureLine(
                role=ROLES[signature.role],
                statement=signature.statement,
                signer=joined(part for part in (signature.name, signature.title) if part) or "Not signed",
                signed=moment(signature.signed_at) or "Not signed",
                account=f"By the account of {signature.account}" if signature.account else None,
                is_signed=signature.signed_at is not None,
            )
            for signature in data.signatures
        ),
        state="DRAFT" if seal is None else "SEALED",
        state_detail=_draft_detail(data)
        if seal is None
        else f"Sealed {moment(seal.sealed_at)}. SHA-256 of the canonical data set (the JSON export): {seal.sha256}",
    )


def _draft_detail(data: ReportData) -> str:
    open_elements = [element for element in data.elements if element.missing]
    missing = f" {len(open_elements)} of {len(data.elements)} required elements are incomplete." if data.elements else ""
    until = day(data.edition.as_of.date())
    return f"This document is a draft as of {until}. It is not approved and not sealed, and may change.{missing}"
