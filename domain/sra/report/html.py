"""The report as one HTML file: nothing to load, nothing to run, and readable by ear, on paper and without colours.

Every value passes through `tag`, which escapes whatever is not already markup of ours.
"""

import base64
from html import escape

from domain.inventory.map_drawing import to_svg
from domain.inventory.map_labels import visible
from domain.sra.levels import Level
from domain.sra.report.dataset import ReportData
from domain.sra.report.document import (
    Bullets,
    Cell,
    Column,
    Cover,
    Document,
    Facts,
    Heading,
    Line,
    MapFigure,
    Matrix,
    Paragraph,
    Section,
    SignatureLine,
    Table,
)
from domain.sra.report.outline import compose
from domain.sra.report.page_style import STYLE
from domain.sra.report.pictures import picture_size
from domain.sra.report.section_closing import PROPOSED_LABEL

EMPTY_TAGS = frozenset({"meta", "br", "img"})
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
FALLING = tuple(reversed(Level))


class Markup(str):
    """Text that is HTML already, and ours."""

    __slots__ = ()


def tag(element: str, /, *children: str, **attributes: str) -> Markup:
    """An element. Attribute names are written with ``_`` for ``-`` and a trailing ``_`` for reserved words."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    if element in EMPTY_TAGS:
        return Markup(f"<{element}{named}>")
    inner = "".join(child if isinstance(child, Markup) else _escaped(child) for child in children)
    return Markup(f"<{element}{named}>{inner}</{element}>")


def render_html(data: ReportData) -> str:
    """The whole page. SealBroken when the data is not what its seal says."""
    document = compose(data)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="description", content=document.description),
        tag("title", f"DRAFT: {document.title}" if document.draft else document.title),
        tag("style", Markup(STYLE.replace("BRAND", document.colour))),
    )
    state = tag("p", "DRAFT", class_="state draft") if document.draft else tag("p", "SEALED", class_="state")
    numbered = list(enumerate(document.sections, start=1))
    contents = tag(
        "nav",
        tag("h2", "Contents", id="contents"),
        tag("ul", *(tag("li", tag("a", one.title, href=f"#s{number}")) for number, one in numbered)),
        aria_labelledby="contents",
    )
    body = tag(
        "body",
        tag("a", "Skip to the report", class_="skip", href="#report"),
        tag("header", _brand(data, document), state, tag("p", document.running), class_="running"),
        tag(
            "main",
            _cover(document.cover, data.title),
            contents,
            *(_section(section, number, data) for number, section in numbered),
            id="report",
        ),
        tag("footer", tag("p", document.footing)),
        class_="draft" if document.draft else "sealed",
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang=document.language)}\n"


def _brand(data: ReportData, document: Document) -> Markup:
    logo = data.brand.logo
    if logo is None:
        return tag("p", document.brand, class_="brand")
    kind = {"png": "image/png", "jpg": "image/jpeg"}[picture_size(logo.content)[0]]
    source = f"data:{kind};base64,{base64.b64encode(logo.content).decode()}"
    return tag("p", tag("img", src=source, alt=logo.description), " ", document.brand, class_="brand")


def _cover(cover: Cover, title: str) -> Markup:
    signed = [_signature(one) for one in cover.signatures] or [tag("p", "None recorded.", class_="none")]
    return tag(
        "section",
        tag("h1", title),
        tag("p", cover.practice, class_="practice"),
        tag("p", tag("strong", cover.state), " ", cover.state_detail, class_="alarm" if cover.state == "DRAFT" else "sealed"),
        _facts(cover.facts),
        tag("h2", "Signatures"),
        *signed,
        class_="cover",
    )


def _signature(one: SignatureLine) -> Markup:
    signer = tag("span", one.signer, class_="plain" if one.is_signed else "unknown")
    return tag(
        "div",
        tag("p", tag("strong", one.role), ": ", signer),
        tag("p", f"Signed: {one.signed}", class_="muted"),
        *([tag("p", one.account, class_="muted")] if one.account else []),
        tag("p", one.statement),
        class_="signature",
    )


def _section(section: Section, number: int, data: ReportData) -> Markup:
    blocks: list[Markup] = []
    drawings = 0
    for block in section.blocks:
        if isinstance(block, MapFigure):
            drawings += 1
            blocks.append(_map(block, drawings, data))
        else:
            blocks.append(_block(block))
    label = [tag("p", PROPOSED_LABEL, class_="label")] if section.layout == "proposed" else []
    name = f"s{number}"
    return tag("section", tag("h2", section.title, id=name), *label, *blocks, aria_labelledby=name, class_=section.layout)


def _block(block: Paragraph | Heading | Facts | Table | Bullets | Matrix) -> Markup:
    match block:
        case Paragraph():
            return tag("p", _broken(block.text), class_=block.tone)
        case Heading():
            return tag("h3", block.text)
        case Facts():
            return _facts(block.pairs)
        case Table():
            return _table(block)
        case Bullets():
            if not block.items:
                return tag("p", block.none, class_="none")
            return tag("ul", *(tag("li", _broken(item)) for item in block.items))
        case Matrix():
            return _matrix(block)


def _facts(pairs: tuple[tuple[str, Cell], ...]) -> Markup:
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", *_cell(cell))) for name, cell in pairs))


def _table(table: Table) -> Markup:
    caption = tag("caption", table.caption)
    if not table.rows:
        return tag("p", table.none, class_="none")

    def row(cells: tuple[Cell, ...]) -> Markup:
        first, *rest = cells
        return tag("tr", tag("th", *_cell(first), scope="row"), *(tag("td", *_cell(cell)) for cell in rest))

    head = tag("tr", *(_heading_cell(column) for column in table.columns))
    return _scrolling(
        table.caption, tag("table", caption, tag("thead", head), tag("tbody", *(row(cells) for cells in table.rows)))
    )


def _heading_cell(column: Column) -> Markup:
    return tag("th", column.title, scope="col")


def _matrix(matrix: Matrix) -> Markup:
    head = tag(
        "tr", tag("th", "Likelihood, down; impact, across", scope="col"), *(tag("th", one.word, scope="col") for one in Level)
    )
    rows: list[Markup] = []
    for y, likelihood in enumerate(FALLING):
        cells: list[Markup] = []
        for x, tone in enumerate(matrix.levels[y]):
            word = Level(tone).word
            if matrix.counts is None:
                cells.append(tag("td", word, class_=tone))
            else:
                count = matrix.counts[y][x]
                cells.append(tag("td", tag("b", str(count)), " ", word, class_=tone if count else "empty"))
        rows.append(tag("tr", tag("th", likelihood.word, scope="row"), *cells))
    table = tag("table", tag("caption", matrix.caption), tag("thead", head), tag("tbody", *rows), class_="matrix")
    return _scrolling(matrix.caption, table)


def _scrolling(caption: str, content: Markup) -> Markup:
    """A frame that scrolls by keyboard too, so that a narrow window never cuts a column off."""
    return tag("div", content, class_="scroll", role="region", tabindex="0", aria_label=caption)


def _map(figure: MapFigure, number: int, data: ReportData) -> Markup:
    """A drawing. Its words are the list of flows and of what stands where, which follow it."""
    drawing = Markup(to_svg(data.network_map, place=figure.place, prefix=f"map{number}"))
    return tag("figure", _scrolling(f"Drawing {number} of the network map", drawing), tag("figcaption", figure.alternative))


def _cell(cell: Cell) -> list[Markup]:
    return [_line(line) for line in cell]


def _line(line: Line) -> Markup:
    return tag("span", _broken(line.text), class_=f"line {line.tone}")


def _broken(text: str) -> Markup:
    return Markup(tag("br").join(_escaped(part) for part in visible(text).split("\n")))


def _escaped(text: str) -> str:
    return escape(visible(text), quote=True)
