"""What has to hold between the rows of an edition: names are unique, and whatever a row points at exists.

An edition that prints a citation nobody can look up, or excuses a required specification as an addressable one, must
never reach a customer. Each check yields sentences; none of them stops at the first fault.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from domain.sra.catalogue.contents import Catalogue
from domain.sra.catalogue.rows import Topic
from domain.sra.levels import OVERALL_LIKELIHOOD, RISK_LEVEL, Level

STANDARD_LEVELS = tuple(Level)


def faults_between_rows(read: Catalogue, name: str) -> Iterator[str]:
    """All that does not hold in an edition that was read from a folder of this name."""
    if read.edition.id != name:
        yield f"edition.toml: id is {read.edition.id}, but the folder is {name}"
    yield from _names_are_unique(read)
    yield from _requirements(read)
    yield from _proposed(read)
    for topic in read.topics:
        yield from (f"topics.toml: topic {topic.id}: {fault}" for fault in _topic(read, topic))
    yield from _threats(read)
    yield from _facts(read)
    yield from _papers(read)
    yield from _scales(read)


def _names_are_unique(read: Catalogue) -> Iterator[str]:
    for file, names in (
        ("edition.toml", [source.key for source in read.edition.source]),
        ("requirements.toml", [row.key for row in read.requirements]),
        ("proposed.toml", [row.key for row in read.proposed_changes]),
        ("sections.toml", [row.key for row in read.sections]),
        ("topics.toml", [row.id for row in read.topics]),
        ("threats.toml", [row.id for row in read.threats]),
        ("facts.toml", [row.key for row in read.facts]),
        ("known_issues.toml", [row.id for row in read.known_issues]),
        ("os_lifecycles.toml", [row.key for row in read.os_lifecycles]),
        ("baa_reasons.toml", [row.code for row in read.baa.reason]),
        ("clauses.toml", [row.key for row in read.clauses]),
        ("vendor_categories.toml", [row.key for row in read.vendor_categories]),
        ("vendor_categories.toml", [service for row in read.vendor_categories for service in row.services]),
        ("states.toml", [row.code for row in read.states]),
        ("elements.toml", [row.key for row in read.elements]),
        ("scales.toml", [row.key for row in read.scales.adjustment]),
    ):
        yield from (f"{file}: {name} is there {count} times" for name, count in Counter(names).items() if count > 1)


def _requirements(read: Catalogue) -> Iterator[str]:
    for row in read.requirements:
        at = f"requirements.toml: requirement {row.key}"
        if not row.key.startswith(row.citation):
            yield f"{at}: the key does not begin with the citation {row.citation}"
        for field, named in (("parent", row.parent), ("same_standard_as", row.same_standard_as)):
            if named is not None and named not in read.requirement_by_key:
                yield f"{at}: {field} {named} has no row"
        if row.is_specification and (row.parent is None or row.specification is None):
            yield f"{at}: a specification needs its title and the standard it belongs to"
        if row.in_security_rule and row.dental is None and row.type != "paragraph":
            yield f"{at}: a row of the Security Rule says whether it applies to a dental practice"
        if row.dental in ("usually_not_applicable", "not_applicable") and row.dental_note is None and row.is_specification:
            yield f"{at}: what does not apply needs a reason"


def _proposed(read: Catalogue) -> Iterator[str]:
    rule = read.proposed_rule
    if rule.effective_after_days + rule.compliance_after_effective_days != rule.compliance_after_publication_days:
        yield "proposed.toml: rule: the days to effect and to compliance do not add up"
    if (rule.status == "final") != (rule.final_published_on is not None):
        yield "proposed.toml: rule: a final rule, and only that, has the day on which it was published"
    for row in read.proposed_changes:
        at = f"proposed.toml: change {row.key}"
        if row.key in read.requirement_by_key:
            yield f"{at}: a proposed change is never keyed by a citation in force"
        if (row.value is None) != (row.unit is None):
            yield f"{at}: a value and its unit belong together"
        yield from (f"{at}: {fault}" for fault in _unresolved(read, row.today))


def _topic(read: Catalogue, topic: Topic) -> Iterator[str]:
    section = read.section_by_key.get(topic.section)
    if section is None:
        yield f"section {topic.section} has no row"
    if not topic.id.startswith(f"{topic.section}-"):
        yield f"the id does not begin with its section {topic.section}"
    yield from _unresolved(read, topic.citations)
    yield from (f"threat rule {rule} has no row" for rule in topic.threat_rules if rule not in read.threat_by_id)
    yield from (f"{rule} is in shown_by but not in threat_rules" for rule in topic.shown_by if rule not in topic.threat_rules)
    if topic.settled_by_facts and not topic.shown_by:
        yield "settled_by_facts needs rules in shown_by"
    cited = [row for row in (read.requirement(citation) for citation in topic.citations) if row is not None]
    if cited and topic.primary_type != (cited[0].type if cited[0].in_security_rule else "related"):
        yield f"primary_type {topic.primary_type} is not the type of {cited[0].key}"
    if topic.answer_type == "addr":
        if not any(row.type == "addressable" for row in cited):
            yield "an addressable question cites no addressable specification"
        yield from (f"an addressable question cites {row.key}, which is required" for row in cited if row.type == "required")
    if (topic.answer_type == "ready", topic.depth == "readiness", bool(topic.proposed)) not in (
        (True, True, True),
        (False, False, False),
    ):
        yield "a readiness topic, and only such a one, is of type ready and depth readiness and names proposed changes"
    yield from (f"proposed change {key} has no row" for key in topic.proposed if key not in read.proposed_change_by_key)


def _threats(read: Catalogue) -> Iterator[str]:
    for threat in read.threats:
        at = f"threats.toml: threat {threat.id}"
        if not threat.id.startswith(f"{threat.group}-"):
            yield f"{at}: the id does not begin with its group {threat.group}"
        yield from (f"{at}: {fault}" for fault in _unresolved(read, threat.citations))
        reads = [*threat.reads, *(fact for other in threat.also for fact in other.reads)]
        if threat.grouped_by is not None:
            reads.append(threat.grouped_by)
        yield from (f"{at}: fact {fact} has no row" for fact in reads if fact not in read.fact_by_key)


def _facts(read: Catalogue) -> Iterator[str]:
    things = {fact.of for fact in read.facts}
    for fact in read.facts:
        at = f"facts.toml: fact {fact.key}"
        if fact.shape is not None and (fact.shape not in things or fact.type not in ("object", "list")):
            yield f"{at}: shape {fact.shape} is no thing with facts, or the fact is no object or list"
        if fact.absent not in ("unknown", "none", *(("true", "false") if fact.type == "boolean" else fact.values)):
            yield f"{at}: absent {fact.absent} is none of its values"
        if fact.absent_same_as is not None and f"{fact.of}.{fact.absent_same_as}" not in read.fact_by_key:
            yield f"{at}: absent_same_as {fact.absent_same_as} has no row"
        if (fact.of == "setting") != (fact.default is not None):
            yield f"{at}: a setting, and only a setting, has a default"


def _papers(read: Catalogue) -> Iterator[str]:
    for clause in read.clauses:
        at = f"clauses.toml: clause {clause.key}"
        yield from (f"{at}: {fault}" for fault in _unresolved(read, clause.citations))
        if clause.conditional != (clause.condition is not None):
            yield f"{at}: a conditional clause, and only such a one, has a condition"
    for reason in read.baa.reason:
        yield from (f"baa_reasons.toml: reason {reason.code}: {fault}" for fault in _unresolved(read, reason.citations))
    for category in read.vendor_categories:
        at = f"vendor_categories.toml: category {category.key}"
        yield from (f"{at}: {fault}" for fault in _unresolved(read, category.citations))
    for lifecycle in read.os_lifecycles:
        if lifecycle.key != f"{lifecycle.product}:{lifecycle.release_cycle}":
            yield f"os_lifecycles.toml: lifecycle {lifecycle.key}: the key is not product:release_cycle"
    for state in read.states:
        if state.adult_years is not None and state.verification == "not_verified":
            yield f"states.toml: state {state.code}: a period that was not verified is not given"
        if state.verification != "not_verified" and state.source is None:
            yield f"states.toml: state {state.code}: what is verified has a source"
    for element in read.elements:
        at = f"elements.toml: element {element.key}"
        yield from (f"{at}: {fault}" for fault in _unresolved(read, element.citations))
    if [element.number for element in read.elements] != list(range(1, 10)):
        yield "elements.toml: the elements are numbered 1 to 9, in order"


def _scales(read: Catalogue) -> Iterator[str]:
    scales = read.scales
    for table, standard in ((scales.risk_level, RISK_LEVEL), (scales.overall_likelihood, OVERALL_LIKELIHOOD)):
        yield from (
            f"scales.toml: table {table.table}: row {level} is not the one that levels are looked up in"
            for level in STANDARD_LEVELS
            if table.row(level) != standard[level]
        )
    if [row.level for row in scales.level] != list(STANDARD_LEVELS):
        yield "scales.toml: the levels are the five of the standard, in rising order"
    yield from (
        f"scales.toml: level {row.level}: its code is {row.level.code}" for row in scales.level if row.code != row.level.code
    )
    bins = [(row.bin_low, row.bin_high) for row in scales.level]
    if [low for low, _ in bins] != [0, *(high + 1 for _, high in bins[:-1])] or bins[-1][1] != 100:
        yield "scales.toml: the bins do not cover 0 to 100 without gap or overlap"
    yield from (f"scales.toml: {fault}" for fault in _unresolved(read, scales.calibration_citations))


def _unresolved(read: Catalogue, citations: Iterable[str]) -> Iterator[str]:
    return (f"citation {citation} has no row" for citation in citations if read.requirement(citation) is None)
