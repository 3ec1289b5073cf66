"""How paragraphs are shown: one in force with its title from the catalogue, one of the proposed rule labelled as no law.

The lists that Postgres builds show the same as the single resource does; the titles go to it as one JSON object.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import String, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from api.pages import constant
from domain.sra.catalogue import catalogue


class CitationOut(BaseModel):
    """A paragraph in force, with its title in the catalogue."""

    citation: str
    title: str | None


class ProposedCitationOut(BaseModel):
    """A paragraph of the proposed rule. It binds nobody."""

    citation: str
    status: Literal["proposed"]
    label: str


def cited(citations: Iterable[str]) -> list[CitationOut]:
    titles = _titles()
    return [CitationOut(citation=each, title=titles.get(each)) for each in citations]


def proposed(citations: Iterable[str]) -> list[ProposedCitationOut]:
    return [ProposedCitationOut(citation=each, status="proposed", label=_label()) for each in citations]


def citations_in(column: Any) -> Any:
    """A JSONB array of citations as ``cited`` shows it, in SQL."""
    each = _elements(column)
    title = bindparam("titles", type_=JSONB).op("->>")(each.c.citation)
    return _array(each, constant("'title'"), title)


def proposed_citations_in(column: Any) -> Any:
    """A JSONB array of citations as ``proposed`` shows it, in SQL."""
    label = bindparam("label", type_=String())
    return _array(_elements(column), constant("'status'"), constant("'proposed'"), constant("'label'"), label)


def bound_for_citations() -> dict[str, str]:
    """The values that the two columns above are bound to."""
    return {"titles": json.dumps(_titles()), "label": _label()}


def _elements(column: Any) -> Any:
    each = func.jsonb_array_elements_text(column).table_valued("citation", with_ordinality="place", name="each")
    return each.render_derived()


def _array(each: Any, *members: Any) -> Any:
    item = func.jsonb_build_object(constant("'citation'"), each.c.citation, *members)
    whole = func.coalesce(func.jsonb_agg(aggregate_order_by(item, each.c.place)), constant("'[]'::jsonb"))
    return select(whole).select_from(each).scalar_subquery()


def _titles() -> dict[str, str]:
    """The titles of the paragraphs in force, under every name by which they are cited."""
    book = catalogue()
    names = {name for row in book.requirements for name in (row.key, row.citation, row.appendix_a) if name is not None}
    return {name: row.title for name in sorted(names) if (row := book.requirement(name)) is not None}


def _label() -> str:
    return catalogue().proposed_rule.label
