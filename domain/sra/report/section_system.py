"""What the analysis covers and what it rests on: scope, data collection, inventory, network map, vendors."""

from domain.inventory.map import MapEdge, MapNode, NetworkMap, place_of, place_sentences, summary, words
from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Bullets, Cell, Column, Heading, Line, MapFigure, Paragraph, Section, Table
from domain.sra.report.rows import Asset, Vendor
from domain.sra.report.words import DECISIONS, NOT_KNOWN, OS_SUPPORT, cell, day, joined, moment, phrase, said, yes_no

NODES_ON_ONE_SHEET = 45


def scope(data: ReportData) -> Section:
    statement = data.scope.statement
    return Section(
        "Scope and exclusions",
        "portrait",
        (
            Paragraph(statement) if statement else Paragraph("No statement of scope is recorded.", "none"),
            Heading("What is in scope"),
            Table(
                "Kinds of things in scope",
                (Column("Kind", 34), Column("Count", 14), Column("Hold ePHI", 14), Column("Not known to hold ePHI or not", 24)),
                tuple(
                    (
                        cell(phrase(one.kind)),
                        cell(str(one.count)),
                        cell(str(one.with_ephi)),
                        cell(Line(str(one.ephi_unknown), "unknown" if one.ephi_unknown else "plain")),
                    )
                    for one in data.scope.included
                ),
            ),
            Heading("What is not in scope, and why"),
            Table(
                "Exclusions",
                (Column("Excluded", 40), Column("Reason", 60)),
                tuple((cell(one.what), cell(one.reason)) for one in data.scope.exclusions),
            ),
        ),
    )


def collection(data: ReportData) -> Section:
    return Section(
        "Data collection",
        "portrait",
        (
            Paragraph("Where the information in this analysis came from, in the order in which it was collected."),
            Table(
                "Data collection log",
                (Column("When", 18), Column("Who", 20), Column("Source", 20), Column("What", 34), Column("Rows", 8)),
                tuple(
                    (
                        cell(moment(one.at)),
                        cell(one.who),
                        cell(one.source),
                        cell(one.what),
                        cell("–" if one.rows is None else str(one.rows)),
                    )
                    for one in data.collection
                ),
            ),
        ),
    )


def inventory(data: ReportData) -> Section:
    return Section(
        "Inventory",
        "landscape",
        (
            Paragraph("Facts that nobody could state are listed as not known; none of them is assumed to be good."),
            Heading("Devices"),
            _assets("Devices", data.devices),
            Heading("Systems and services"),
            _assets("Systems and services", data.systems),
        ),
    )


def _assets(caption: str, assets: tuple[Asset, ...]) -> Table:
    columns = (
        Column("Name", 18), Column("Place", 15), Column("Operating system", 16), Column("Holds ePHI", 9),
        Column("Facts", 27), Column("Not known", 15),
    )  # fmt: skip
    return Table(caption, columns, tuple(_asset(one) for one in assets), small=True)


def _asset(one: Asset) -> tuple[Cell, ...]:
    support = OS_SUPPORT[one.os_support]
    ends = f"{support}; support ends {day(one.os_support_ends_on)}" if one.os_support_ends_on else support
    tone = {"ended": "alarm", "unknown": "unknown", "supported": "plain", "not_applicable": "muted"}[one.os_support]
    missing = [*one.unknown, *(fact.name for fact in one.facts if fact.value is None and fact.name not in one.unknown)]
    return (
        cell(Line(one.name, "strong"), phrase(one.kind)),
        cell(
            said(one.location, absent="Location not recorded"),
            said(one.segment, absent="Segment not recorded", prefix=""),
            said(one.owner, absent="not recorded", prefix="Owner: "),
        ),
        cell(one.os_name, Line(ends, tone)),  # pyright: ignore[reportArgumentType]  # the four values are tones
        (yes_no(one.stores_ephi),),
        tuple(
            Line(f"{fact.name}: {fact.value}" + (f" ({fact.source})" if fact.source else ""))
            for fact in one.facts
            if fact.value is not None
        )
        or cell(Line("None recorded", "muted")),
        tuple(Line(text, "unknown") for text in missing) or cell(Line("–", "muted")),
    )


def network(data: ReportData) -> Section:
    network_map = data.network_map
    blocks: list[Block] = [
        Paragraph(
            f"{summary(network_map)} The drawing and the list of flows say the same; the numbers join them."
            if network_map.nodes
            else "No device, system or flow is recorded.",
            "plain" if network_map.nodes else "none",
        ),
        *_figures(network_map),
        Heading("List of flows"),
        _flows(network_map),
        Heading("What stands where"),
        Bullets(place_sentences(network_map)),
    ]
    return Section("Network map and flows of ePHI", "landscape", tuple(blocks))


def _figures(network_map: NetworkMap) -> list[MapFigure]:
    """One sheet while it stays readable; for a larger group one sheet for each place that has flows or nodes."""
    places = list(dict.fromkeys(place_of(node) for node in network_map.nodes if node.location is not None))
    if not network_map.nodes:
        return []
    if len(network_map.nodes) <= NODES_ON_ONE_SHEET or len(places) < 2:
        counts = summary(network_map)
        return [MapFigure(None, f"Network map of {network_map.title}. {counts} The list of flows follows.")]
    rest = [place_of(node) for node in network_map.nodes if node.location is None and not _shown(node, network_map)]
    return [
        MapFigure(place, f"Part of the network map: {place} and what it exchanges with. The list of flows follows.")
        for place in (*places, *dict.fromkeys(rest))
    ]


def _shown(node: MapNode, network_map: NetworkMap) -> bool:
    """True when a sheet of some place already shows this node of no place."""
    placed = {one.id for one in network_map.nodes if one.location is not None}
    return any(
        node.id in {edge.source, edge.destination} and placed & {edge.source, edge.destination} for edge in network_map.edges
    )


def _flows(network_map: NetworkMap) -> Table:
    names = {node.id: node.name for node in network_map.nodes}
    columns = (
        Column("No.", 5), Column("Flow", 22), Column("From", 17), Column("To", 17), Column("Method", 10),
        Column("Encrypted in transit", 12), Column("Logged", 10), Column("Internet", 10), Column("Purpose", 11),
    )  # fmt: skip

    def row(number: int, edge: MapEdge) -> tuple[Cell, ...]:
        return (
            cell(str(number)),
            cell(said(edge.label, absent="No name recorded"), Line("Both ways", "muted") if edge.both_ways else None),
            cell(names[edge.source]),
            cell(names[edge.destination]),
            (said(words(edge.method) if edge.method else None, absent=NOT_KNOWN),),
            (_state(edge.encrypted),),
            (_state(edge.logged),),
            (yes_no(edge.crosses_internet, yes="Crosses it", no="Stays off it"),),
            (said(words(edge.purpose) if edge.purpose else None),),
        )

    return Table(
        "Flows of ePHI",
        columns,
        tuple(row(number, edge) for number, edge in enumerate(network_map.edges, start=1)),
        small=True,
    )


def _state(value: bool | None) -> Line:
    return Line("No", "alarm") if value is False else yes_no(value)


def vendors(data: ReportData) -> Section:
    columns = (
        Column("Vendor or partner", 18), Column("Agreement needed", 14), Column("Why", 30),
        Column("State of the agreement", 20), Column("Notes", 18),
    )  # fmt: skip
    return Section(
        "Vendors, partners and business associate agreements",
        "landscape",
        (Table("Vendors and agreements", columns, tuple(_vendor(one) for one in data.vendors), small=True),),
    )


def _vendor(one: Vendor) -> tuple[Cell, ...]:
    undecided = one.decision == "needs_facts"
    if one.missing_clauses is None:
        clauses = Line("Clauses not checked", "unknown") if one.decision == "required" and one.baa_signed_on else None
    else:
        listed = joined(phrase(clause) or clause for clause in one.missing_clauses)
        clauses = Line(f"Clauses missing: {listed}", "alarm") if listed else Line("No required clause missing")
    return (
        cell(Line(one.name, "strong"), joined(phrase(service) or service for service in one.services)),
        cell(
            Line(DECISIONS[one.decision], "unknown" if undecided else "plain"),
            Line(f"Role: {phrase(one.role)}", "muted") if one.role else None,
        ),
        cell(one.reason, Line(joined(one.citations, separator="; ") or "", "muted")),
        cell(*_agreement(one)),
        cell(clauses, one.note) or cell(Line("–", "muted")),
    )


def _agreement(one: Vendor) -> tuple[Line | str | None, ...]:
    state = phrase(one.baa_state)
    if one.decision == "not_required" and one.baa_state in {None, "not_applicable"}:
        return (Line("Not applicable", "muted"),)
    verdict = None
    if one.decision == "required":
        verdict = {
            True: Line("In force"),
            False: Line("Not in force", "alarm"),
            None: Line("Not known to be in force", "unknown"),
        }[one.compliant]
    dates = joined(
        part
        for part in (
            f"signed {day(one.baa_signed_on)}" if one.baa_signed_on else "",
            f"ends {day(one.baa_ends_on)}" if one.baa_ends_on else "",
        )
        if part
    )
    return (verdict, said(state, absent=NOT_KNOWN, prefix="State: "), Line(dates, "muted") if dates else None)
