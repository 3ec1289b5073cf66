"""The report as a tagged PDF: PDF/UA-1 and PDF/A-2a at once, the same bytes for the same data.

The engine sees one template, one JSON file and the drawings, all in memory; its file access is confined to the folder of
the template, it gets no fonts but ours, and no typed text is ever part of a template.
"""

import contextlib
import functools
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import typst

from domain.inventory.map import NetworkMap
from domain.inventory.map_drawing import to_svg
from domain.inventory.map_labels import text_width
from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Document, MapFigure, Section, Table
from domain.sra.report.fonts import printable
from domain.sra.report.outline import compose
from domain.sra.report.pictures import picture_size
from domain.sra.report.typesetting import ARCHIVE_ONLY, MAIN, STANDARDS, Say, said, typeset

TEMPLATE = Path(__file__).with_name("report.typ")
LONG, SHORT = 792.0, 612.0  # letter paper, in points
MAP_MARGINS = (72.0, 190.0)  # with the running lines, the heading and a paragraph
SMALLEST_SCALE = 0.55  # of the drawing: names of nodes are then 6 points high, badges nearly 5
PORTRAIT_EMS, LANDSCAPE_EMS = 58.0, 92.0  # of the tables' type, between the margins and paddings
TALLEST_UNBROKEN = 32  # lines: a taller row may be broken between pages, or it would run off the sheet


def render_pdf(data: ReportData) -> bytes:
    """The PDF. Takes seconds of one processor: call it in a worker. SealBroken when the data is not what its seal says.

    The engine refuses a whole document for one cluster of marks that no font can join, or for a table that it cannot tag.
    Such a report is printed with code points instead of the marks, and at the worst without the claim to be tagged: a
    practice that has to answer an investigator must get its report.
    """
    document = compose(data)
    plain = functools.partial(printable, plain_only=True)
    for say, standards in ((printable, STANDARDS), (plain, STANDARDS)):
        with contextlib.suppress(typst.TypstError):
            return _set(data, document, say, standards)
    return _set(data, document, plain, ARCHIVE_ONLY)


def _set(data: ReportData, document: Document, say: Say, standards: list[str]) -> bytes:
    files: dict[str, bytes] = {MAIN: TEMPLATE.read_bytes()}
    shown: dict[str, Any] = said(_plain(document), say)
    shown |= {"short_title": say(data.title), "logo": None, "parts": []}
    logo = data.brand.logo
    if logo is not None:  # as numbers, because files in memory have to be text
        shown["logo"] = {
            "content": list(logo.content),
            "format": picture_size(logo.content)[0],
            "description": say(logo.description or data.brand.name),
        }
    for section in document.sections:
        _add_section(shown["parts"], section, data.network_map, say, files)
    return typeset(files, shown, root=TEMPLATE.parent, standards=standards, at=data.edition.generated_at)


def _plain(document: Document) -> dict[str, Any]:
    return asdict(replace(document, sections=()))


def _add_section(
    parts: list[dict[str, Any]],
    section: Section,
    network_map: NetworkMap,
    say: Say,
    files: dict[str, bytes],
) -> None:
    """Blocks go on the sheets at hand while the format stays the same; every drawing has a sheet of its own."""

    def on(layout: str) -> list[dict[str, Any]]:
        if not parts or parts[-1]["layout"] != layout:
            parts.append({"layout": layout, "blocks": []})
        return parts[-1]["blocks"]

    draw = functools.partial(say, marks=False)  # in drawings the engine cannot name the letters of a marked cluster
    waiting: list[dict[str, Any]] = [{"kind": "section", "text": say(section.title)}]
    drawn = any(isinstance(block, MapFigure) for block in section.blocks)
    for block in section.blocks:
        if isinstance(block, MapFigure):
            name = f"map-{len(files)}.svg"
            drawing = to_svg(_said_map(network_map, draw), place=None if block.place is None else draw(block.place))
            files[name] = drawing.encode()
            width, height, drawn_width = _sheet(drawing)
            figure = {"kind": "map", "file": name, "alternative": say(block.alternative), "width": drawn_width}
            parts.append({"layout": "map", "width": width, "height": height, "blocks": [*waiting, figure]})
            waiting, drawn = [], False
        elif drawn:
            waiting.append(
                _block(block, say, across=section.layout == "landscape")
            )  # what stands before a drawing goes on its sheet
        else:
            on(section.layout).extend([*waiting, _block(block, say, across=section.layout == "landscape")])
            waiting = []


def _block(block: Block, say: Say, *, across: bool) -> dict[str, Any]:
    shown: dict[str, Any] = said(asdict(block), say)
    if isinstance(block, Table):
        ems = (LANDSCAPE_EMS if across else PORTRAIT_EMS) / sum(column.weight for column in block.columns)
        widths = [column.weight * ems for column in block.columns]
        shown["rows"] = [{"cells": cells, "breakable": _height(cells, widths) > TALLEST_UNBROKEN} for cells in shown["rows"]]
    return shown


def _height(cells: list[list[dict[str, str]]], widths: list[float]) -> float:
    """Lines of a row at the worst, when every line of a cell is half empty because its words are long."""
    return max(
        sum(math.ceil(text_width(part, size=2) / width) or 1 for line in cell for part in line["text"].split("\n"))
        for cell, width in zip(cells, widths, strict=True)
    )


def _said_map(network_map: NetworkMap, say: Say) -> NetworkMap:
    """The map with printable words; its ids stay, and so does the drawing's shape."""

    def text(value: str | None) -> str | None:
        return None if value is None else say(value)

    nodes = tuple(
        node.model_copy(
            update={
                "name": say(node.name),
                "kind": say(node.kind),
                "location": text(node.location),
                "segment": text(node.segment),
            }
        )
        for node in network_map.nodes
    )
    edges = tuple(
        edge.model_copy(update={"method": text(edge.method), "label": say(edge.label), "purpose": text(edge.purpose)})
        for edge in network_map.edges
    )
    return network_map.model_copy(update={"title": say(network_map.title), "nodes": nodes, "edges": edges})


def _sheet(drawing: str) -> tuple[float, float, float]:
    """Width and height of the sheet, and width of the drawing on it, in points.

    Letter paper, upright or across, while the words can be read; else a sheet as large as the drawing needs.
    """
    root = ElementTree.fromstring(drawing)  # noqa: S314  # our own drawing
    width, height = float(root.get("width", "1")), float(root.get("height", "1"))
    for sheet in ((LONG, SHORT), (SHORT, LONG)):
        scale = min((sheet[0] - MAP_MARGINS[0]) / width, (sheet[1] - MAP_MARGINS[1]) / height, 1)
        if scale >= SMALLEST_SCALE:
            return (*sheet, width * scale)
    fitted = width * SMALLEST_SCALE
    return max(fitted + MAP_MARGINS[0], SHORT), height * SMALLEST_SCALE + MAP_MARGINS[1], fitted
