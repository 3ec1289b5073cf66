"""A data set in which every text that a person can type is a word of its own, so that a lost one is noticed by name."""

import datetime
import itertools
from collections.abc import Callable
from typing import Any, cast

from pydantic import BaseModel

from domain.sra.report.dataset import ReportData
from domain.sra.report.rows import Decision, FactLine
from tests.domain.sra.report.sample import lakeview

NASTY = (
    '#import "x": y $x^2$ *bold* _it_ <label> @ref',
    "<script>alert('1')</script> &amp; <b>x</b>",
    "back\\slash \\n `raw` ~ -- --- ... // /* */ #{ } [ ] = heading - list + enum",
    "zero\u200bwidth no\u200cjoiner soft\u00adhyphen word\u2060joiner nbsp\u00a0end",
    "Ärzte Çelik Łódź Ωμέγα Привет Việt Nguyễn",
    "שלום עולם مرحبا",
    "牙科診所 かな カナ",
    "한국어 ไทย हिन्दी 👍🏽 ﷺ",
    "bell\u0007 override\u202e bom\ufeff private\ue000 line\u2028sep",
    "e\u0301\u0323 a\u20e3 \u0301alone שָׁ",
    "first line\nsecond line\r\nthird line\ttabbed",
    "https://example.test/a/very/long/path?with=arguments&and=more#" + "x" * 120,
    "W" * 300,
    "ffi fl fj fi -> => <= 1/2 (c) ... \u2026 \u2013 \u2014",
)
NOT_PRINTED = {
    ("practice", "id"),
    ("findings", "id"),
    ("devices", "id"),
    ("systems", "id"),
    ("network_map", "id"),
    ("network_map", "source"),
    ("network_map", "destination"),
    ("network_map", "direction"),
    ("network_map", "title"),
    ("brand", "base64"),
    ("brand", "colour"),
    ("elements", "number"),
}
KEPT = {"sha256", "signed_sha256", "format", "level_table"}


def marked(say: Callable[[str, str], str]) -> tuple[ReportData, dict[str, str]]:
    """Lakeview's data, cut short, with each free text replaced by ``say(name, path)``; and the texts by their paths."""
    base = _short(lakeview())
    texts: dict[str, str] = {}
    counter = itertools.count(1)

    def walk(value: Any, path: tuple[str, ...], model: type[BaseModel] | None, field: str) -> Any:
        if isinstance(value, BaseModel):
            kind = type(value)
            return {name: walk(getattr(value, name), (*path, name), kind, name) for name in kind.model_fields}
        if isinstance(value, tuple):
            items = cast(tuple[Any, ...], value)
            return [walk(one, (*path, str(place)), model, field) for place, one in enumerate(items)]
        if isinstance(value, str) and model is not None and _is_free(model, field, path):
            name = ".".join(path)
            texts[name] = say(f"word{next(counter)}q", name)
            return texts[name]
        return value

    return ReportData.model_validate(walk(base, (), None, "")), texts


def _is_free(model: type[BaseModel], field: str, path: tuple[str, ...]) -> bool:
    if field in KEPT or (path[0], field) in NOT_PRINTED:
        return False
    declared = str(model.model_fields[field].annotation)
    return "str" in declared and "Literal" not in declared and "Level" not in declared


def _short(data: ReportData) -> ReportData:
    """A few rows of each part, every optional field filled."""
    finding = data.findings[0].model_copy(
        update={
            "measures": "x",
            "adjustments": ("x", "x"),
            "suggestions": ("x",),
            "missing_facts": ("x",),
            "status_reason": "x",
            "recommendation": "x",
            "answers": ("x",),
            "facts": (FactLine(name="x", value="x", source="x", of="x"),),
            "decisions": (Decision(at=data.edition.as_of, by="x", kind="x", reason="x"),),
            "cause": "x",
        }
    )
    second = data.findings[1].model_copy(update={"number": 2, "measures": "x", "rule_id": None, "topic_id": "x", "cause": "x"})
    answer = (
        data.standards[0]
        .answers[0]
        .model_copy(update={"state": "x", "rationale": "x", "gap": "x", "evidence": ("x", "x"), "answered_by": "x"})
    )
    asset = data.devices[1].model_copy(
        update={"os_name": "x", "owner": "x", "segment": "x", "location": "x", "unknown": ("x", "x")}
    )
    vendor = data.vendors[0].model_copy(
        update={"services": ("x",), "missing_clauses": ("x", "x"), "note": "x", "baa_state": "x", "role": "x"}
    )
    task = data.plan[2].model_copy(update={"findings": (1, 2)})
    network = data.network_map
    nodes = tuple(node.model_copy(update={"segment": node.segment or "x"}) for node in network.nodes[:8])
    kept = {node.id for node in nodes}
    edges = tuple(edge for edge in network.edges if edge.source in kept and edge.destination in kept)
    return data.model_copy(
        update={
            "findings": (finding, second),
            "standards": (data.standards[0].model_copy(update={"answers": (answer,)}),),
            "devices": (asset,),
            "systems": (asset,),
            "vendors": (vendor,),
            "plan": (task,),
            "network_map": network.model_copy(update={"nodes": nodes, "edges": edges}),
            "laws": data.laws[:2],
            "signatures": tuple(each.model_copy(update={"account": "x"}) for each in data.signatures),
            "elements": (data.elements[3],),
            "proposed": None
            if data.proposed is None
            else data.proposed.model_copy(update={"rows": (data.proposed.rows[0].model_copy(update={"explanation": "x"}),)}),
            "evidence": (data.evidence[0],),
            "changes": (data.changes[0],),
            "unknown_facts": (data.unknown_facts[0].model_copy(update={"question": "x"}),),
            "undecided_rules": data.undecided_rules[:1],
            "collection": data.collection[:1],
            "scope": data.scope.model_copy(update={"included": data.scope.included[:1]}),
            "edition": data.edition.model_copy(update={"period_start": datetime.date(2025, 1, 1)}),
        }
    )
