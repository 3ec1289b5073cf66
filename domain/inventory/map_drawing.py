"""The network map as one SVG file that stands alone: no font, script, link or style sheet outside it.

Colour never carries a meaning alone: a line that is not encrypted is red, thick and says so; a dash means logging or
knowledge is missing; a node that holds ePHI has a bar and a badge. The words of the whole map are in ``<desc>``.
`to_svg` may be called from any thread, and takes a second or so: call it off the event loop.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree

from domain.inventory import map_plan as plan
from domain.inventory.map import MapEdge, MapNode, NetworkMap, edge_flags, sentences, summary
from domain.inventory.map_labels import text_width, visible
from domain.inventory.map_layout import Layout, Route, lay_out

FONTS = "'Noto Sans','Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
INK, MUTED, PAPER = "#1d2733", "#525e6b", "#ffffff"
QUIET, DANGER, DOUBT = "#3f5468", "#b3261e", "#7a4b00"
MARGIN, HEAD, LEGEND_ROW = 16.0, 46.0, 20.0

LEGEND_LINES: tuple[tuple[bool | None, bool | None, str], ...] = (
    (True, True, "Encrypted and logged"),
    (False, True, "Not encrypted"),
    (None, True, "Not known whether encrypted"),
    (True, False, "Not logged"),
    (True, None, "Not known whether logged"),
    (None, False, "Encryption not known, and logging missing or not known"),
)
LEGEND_BADGES = (
    ("holds ePHI", "stores ePHI (also a bar at the left)"),
    ("holds ePHI not known", "nobody knows whether it stores ePHI"),
    ("OS out of support", "no more security updates"),
    ("OS support not known", "system or version not recorded"),
)
NOTES = (
    "Numbers are those of the list of flows. A frame holds what exchanges with the same others, each with its flows.",
    "Encrypted means in transit. “internet?” means that nobody has recorded whether the flow crosses the internet.",
)


def to_svg(network: NetworkMap, *, place: str | None = None, prefix: str = "map") -> str:
    """The drawing, byte for byte the same for the same map.

    With ``place`` (the name of a location cluster) only what stands there and what it exchanges with is drawn; flows
    keep their numbers. That is the form for paper when a group has many locations. ``prefix`` keeps the ids of several
    drawings on one page apart.
    """
    drawn = plan.plan(network, place=place)
    placed = lay_out(drawn)
    legend_width, legend_height = 700.0, _legend_height()
    title = visible(network.title if place is None else f"{network.title}: {place}")
    width = max(placed.width, legend_width, text_width(title, size=17)) + 2 * MARGIN
    height = placed.height + HEAD + legend_height + 3 * MARGIN
    svg = _element(
        None, "svg", xmlns="http://www.w3.org/2000/svg", role="img", viewBox=f"0 0 {_n(width)} {_n(height)}",
        width=_n(width), height=_n(height), font_family=FONTS, aria_labelledby=f"{prefix}-title {prefix}-desc",
    )  # fmt: skip
    _element(svg, "title", id=f"{prefix}-title").text = f"{title}: network map as of {network.as_of.isoformat()}"
    told = (summary(network), *sentences(network)) if place is None else (summary(network),)
    _element(svg, "desc", id=f"{prefix}-desc").text = "\n".join(visible(sentence) for sentence in told)
    _element(svg, "rect", width=_n(width), height=_n(height), fill=PAPER)
    _text(svg, MARGIN, MARGIN + 14, title, size=17, weight="bold")
    nodes, flows = sum(len(unit.members) for unit in drawn.units), sum(len(line.numbers) for line in drawn.bundles)
    counted = f"As of {network.as_of.isoformat()}. Nodes: {nodes}. Flows: {flows}."
    _text(svg, MARGIN, MARGIN + 33, counted, size=11, fill=MUTED)
    body = _element(svg, "g", transform=f"translate({_n((width - placed.width) / 2)} {_n(HEAD + MARGIN)})")
    if not network.nodes:
        _text(svg, MARGIN, HEAD + MARGIN + 8, "No device, system or flow is recorded.", size=12)
    _frames(body, drawn, placed)
    for bundle in drawn.bundles:
        _line(body, bundle, placed.routes[bundle.name])
    for frame in drawn.frames:
        left, top, *_ = placed.frames[frame.name]
        weight, fill = ("bold", INK) if frame.parent is None else ("normal", MUTED)
        _text(body, left + 12, top + 19, frame.title, size=plan.FRAME_SIZE, weight=weight, fill=fill, halo=True)
    for unit in drawn.units:
        _unit(body, unit, placed.units[unit.name])
    for bundle in drawn.bundles:
        _line_label(body, bundle, placed.routes[bundle.name])
    _legend(svg, top=placed.height + HEAD + 2 * MARGIN)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _frames(body: ElementTree.Element, drawn: plan.Plan, placed: Layout) -> None:
    for frame in drawn.frames:
        left, top, right, bottom = placed.frames[frame.name]
        outer = frame.parent is None
        _element(
            body, "rect", x=_n(left), y=_n(top), width=_n(right - left), height=_n(bottom - top), rx="6",
            fill="#f4f6f8" if outer else PAPER, stroke="#8795a3" if outer else "#b4bec8", stroke_width="1",
        )  # fmt: skip


def _unit(body: ElementTree.Element, unit: plan.Unit, centre: tuple[float, float]) -> None:
    left, top = centre[0] - unit.width / 2, centre[1] - unit.height / 2
    if len(unit.members) == 1:
        _node(body, unit.members[0], (), (left, top), unit.height)
        return
    _element(
        body, "rect", x=_n(left), y=_n(top), width=_n(unit.width), height=_n(unit.height), rx="6", fill="#e7ecf1",
        stroke="#8795a3", stroke_width="1",
    )  # fmt: skip
    for position, member in enumerate(unit.members):
        row, column = divmod(position, unit.columns)
        x = left + plan.GAP + column * (plan.NODE_WIDTH + plan.GAP)
        y = top + plan.GAP + sum(unit.row_heights[:row]) + row * plan.GAP
        _node(body, member, unit.numbers[position], (x, y), unit.row_heights[row])


def _node(
    body: ElementTree.Element, node: MapNode, numbers: tuple[int, ...], corner: tuple[float, float], height: float
) -> None:
    left, top = corner
    group = _element(body, "g")
    name, small, badges = plan.member_lines(node, numbers)
    _element(group, "title").text = visible(node.name)
    _element(
        group, "rect", x=_n(left), y=_n(top), width=_n(plan.NODE_WIDTH), height=_n(height),
        rx="14" if node.hosted else "3", fill=PAPER, stroke=INK, stroke_width="1",
    )  # fmt: skip
    if node.stores_ephi is not False:
        bar = {"fill": INK} if node.stores_ephi else {"fill": PAPER, "stroke": DOUBT, "stroke_dasharray": "3 2"}
        inset = 8.0 if node.hosted else 2.0
        _element(group, "rect", x=_n(left + 2), y=_n(top + inset), width="4", height=_n(height - 2 * inset), **bar)
    x, y = left + plan.PADDING + 2, top + plan.PADDING + 9
    for line in name:
        _text(group, x, y, line, size=plan.NAME_SIZE, weight="bold")
        y += plan.NAME_LEADING
    for line in small:
        _text(group, x, y - 2, line, size=plan.SMALL_SIZE, fill=MUTED)
        y += plan.SMALL_LEADING
    y -= 9
    for row in badges:
        badge_left = x
        for flag in row:
            _badge(group, flag, badge_left, y)
            badge_left += plan.badge_width(flag) + 4
        y += plan.BADGE_HEIGHT + 2


def _badge(group: ElementTree.Element, flag: str, left: float, top: float) -> None:
    doubt = flag.endswith("not known")
    fill = PAPER if doubt else (DANGER if flag.startswith("OS") else INK)
    edge = {"stroke": DOUBT, "stroke_dasharray": "3 2"} if doubt else {"stroke": fill}
    _element(
        group, "rect", x=_n(left), y=_n(top), width=_n(plan.badge_width(flag)), height=_n(plan.BADGE_HEIGHT),
        rx="3", fill=fill, stroke_width="1", **edge,
    )  # fmt: skip
    colour = DOUBT if doubt else PAPER
    _text(group, left + 5, top + 10.4, flag, size=plan.SMALL_SIZE - 1, fill=colour, weight="bold")


def _line(body: ElementTree.Element, bundle: plan.Bundle, route: Route) -> None:
    group = _element(body, "g")
    (x, y), *rest = route.points
    if route.curved:
        path = f"M{_n(x)} {_n(y)}C" + " ".join(f"{_n(px)} {_n(py)}" for px, py in rest)
    else:
        path = f"M{_n(x)} {_n(y)}L" + " ".join(f"{_n(px)} {_n(py)}" for px, py in rest)
    style = line_style(encrypted=bundle.edge.encrypted, logged=bundle.edge.logged)
    _element(group, "path", d=path, fill="none", **style)
    for tip, base in ((route.end_tip, route.points[-1]), (route.start_tip, route.points[0])):
        if tip is not None:
            back = base if math.dist(tip, base) > 1 else _neighbour(route.points, base)
            _arrow(group, tip, back, style["stroke"])


def line_style(*, encrypted: bool | None, logged: bool | None) -> dict[str, str]:
    """Colour and width say encryption, dashes say logging; doubt about encryption has dashes of its own."""
    colour, width = {True: (QUIET, "1.5"), False: (DANGER, "2.6"), None: (DOUBT, "2")}[encrypted]
    dashes = {True: "", False: "8 5", None: "2 4"}[logged]
    if encrypted is None:
        dashes = "14 3 2 3" if logged else "8 3 2 3 2 3"
    return {"stroke": colour, "stroke_width": width, **({"stroke_dasharray": dashes} if dashes else {})}


def _line_label(body: ElementTree.Element, bundle: plan.Bundle, route: Route) -> None:
    group = _element(body, "g")
    _element(group, "title").text = visible(_whole_name(bundle.edge))
    x, y = route.label
    top = y - bundle.height / 2
    flags = edge_flags(bundle.edge)
    for position, line in enumerate(bundle.lines):
        is_flag = position >= len(bundle.lines) - len(flags)
        colour = (DANGER if line == "not encrypted" else DOUBT) if is_flag else INK
        _text(
            group, x, top + 10.5 + position * plan.SMALL_LEADING, line, size=plan.SMALL_SIZE,
            fill=colour, anchor="middle", weight="bold" if is_flag else "normal", halo=True,
        )  # fmt: skip


def _whole_name(edge: MapEdge) -> str:
    return edge.label or edge.method or "flow"


def _arrow(group: ElementTree.Element, tip: tuple[float, float], back: tuple[float, float], colour: str) -> None:
    length = math.dist(tip, back) or 1.0
    dx, dy = (tip[0] - back[0]) / length, (tip[1] - back[1]) / length
    base = (tip[0] - 9 * dx, tip[1] - 9 * dy)
    corners = (tip, (base[0] - 4 * dy, base[1] + 4 * dx), (base[0] + 4 * dy, base[1] - 4 * dx))
    _element(group, "polygon", points=" ".join(f"{_n(x)},{_n(y)}" for x, y in corners), fill=colour)


def _neighbour(points: Sequence[tuple[float, float]], end: tuple[float, float]) -> tuple[float, float]:
    ordered = points if points[0] == end else points[::-1]
    return next((after for before, after in pairwise(ordered) if before != after), (end[0] - 1, end[1]))


def _legend_height() -> float:
    return 30 + LEGEND_ROW * max(len(LEGEND_LINES), len(LEGEND_BADGES) + 1) + LEGEND_ROW * len(NOTES) * 0.8


def _legend(svg: ElementTree.Element, *, top: float) -> None:
    group = _element(svg, "g")
    _element(group, "path", d=f"M{_n(MARGIN)} {_n(top - 6)}h668", stroke="#8795a3", stroke_width="1", fill="none")
    _text(group, MARGIN, top + 12, "Legend", size=12, weight="bold")
    y = top + 32
    for encrypted, logged, meaning in LEGEND_LINES:
        style = line_style(encrypted=encrypted, logged=logged)
        _element(group, "path", d=f"M{_n(MARGIN)} {_n(y - 4)}h52", fill="none", **style)
        _arrow(group, (MARGIN + 60, y - 4), (MARGIN + 50, y - 4), style["stroke"])
        _text(group, MARGIN + 72, y, meaning, size=10)
        y += LEGEND_ROW
    y = top + 32
    for flag, meaning in LEGEND_BADGES:
        _badge(group, flag, 384, y - 11)
        _text(group, 384 + plan.badge_width(flag) + 8, y, meaning, size=10)
        y += LEGEND_ROW
    _element(group, "rect", x="384", y=_n(y - 12), width="40", height="15", rx="7.5", fill=PAPER, stroke=INK)
    _text(group, 432, y, "rounded: hosted by someone else", size=10)
    y = top + 32 + LEGEND_ROW * len(LEGEND_LINES)
    for note in NOTES:
        _text(group, MARGIN, y, note, size=10, fill=MUTED)
        y += LEGEND_ROW * 0.8


def _text(
    parent: ElementTree.Element, x: float, y: float, text: str, *, size: float, fill: str = INK,
    weight: str = "normal", anchor: str = "start", halo: bool = False,
) -> None:  # fmt: skip
    more = {"font_weight": weight} if weight != "normal" else {}
    if halo:  # a thin white rim, so that a line behind the words does not strike them out
        more |= {"stroke": PAPER, "stroke_width": "3", "stroke_linejoin": "round", "paint_order": "stroke"}
    if anchor != "start":
        more["text_anchor"] = anchor
    _element(parent, "text", x=_n(x), y=_n(y), font_size=_n(size), fill=fill, **more).text = text


def _element(parent: ElementTree.Element | None, tag: str, **attributes: str) -> ElementTree.Element:
    """An element whose attribute names are written with ``_`` for ``-``; the library escapes every value."""
    named = {key if key == "viewBox" else key.replace("_", "-"): value for key, value in attributes.items()}
    return ElementTree.Element(tag, named) if parent is None else ElementTree.SubElement(parent, tag, named)


def _n(number: float) -> str:
    """A coordinate with at most one decimal: short, and the same on every machine."""
    return f"{number:.1f}".removesuffix(".0")
