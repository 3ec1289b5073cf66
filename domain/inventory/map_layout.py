"""Where everything on the map goes: Graphviz is asked, and a plain grid answers if it cannot.

No typed text ever reaches Graphviz: it is given boxes of a size and numbers for names, so a name cannot inject anything
and the fonts of a machine cannot move the drawing.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from domain.inventory.map_labels import text_width
from domain.inventory.map_plan import FRAME_SIZE, Bundle, Frame, Plan, Unit

SECONDS = 20
LARGEST_FOR_GRAPHVIZ = 400  # units and bundles together; beyond it no layout is readable and each takes minutes


@dataclass(frozen=True, slots=True)
class Route:
    """A line from ``points[0]``: Bezier triples, or straight pieces; the tips are where arrow heads end."""

    points: tuple[tuple[float, float], ...]
    curved: bool
    start_tip: tuple[float, float] | None
    end_tip: tuple[float, float] | None
    label: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in pixels, y downwards. Units by their centre, frames as left, top, right, bottom."""

    width: float
    height: float
    units: dict[str, tuple[float, float]]
    frames: dict[str, tuple[float, float, float, float]]
    routes: dict[str, Route]


def lay_out(drawn: Plan) -> Layout:
    """The best of several Graphviz layouts for a landscape page; a plain grid when none came in time."""
    if not drawn.units:
        return Layout(0, 0, {}, {}, {})
    answers: list[Layout] = []
    if len(drawn.units) + len(drawn.bundles) <= LARGEST_FOR_GRAPHVIZ:
        tried = [_dot(drawn, direction, depth=depth) for depth in (1, 2, 3) for direction in ("LR", "TB")]
        answers = [_read(answer) for answer in _graphviz(tried)]
    if not answers:
        return _grid(drawn)
    return max(answers, key=lambda layout: min(10 / layout.width, 6.2 / layout.height))


def _dot(drawn: Plan, direction: str, *, depth: int) -> str:
    """The graph as boxes and numbers; every character of it is ours.

    ``depth`` spreads the many units with one neighbour over so many ranks, for they would else make one endless column.
    """
    size = {unit.name: f"[width={unit.width / 72:.3f},height={unit.height / 72:.3f}]" for unit in drawn.units}
    neighbours: dict[str, set[str]] = {unit.name: set() for unit in drawn.units}
    for bundle in drawn.bundles:
        neighbours[bundle.source].add(bundle.destination)
        neighbours[bundle.destination].add(bundle.source)
    leaves = [name for name, others in neighbours.items() if len(others) == 1]
    rank = {name: 1 + position % depth for position, name in enumerate(leaves)}
    out = [
        f"digraph{{rankdir={direction};nodesep=0.3;ranksep=0.45;splines=true;nslimit=4;nslimit1=4;",
        'node[shape=box,fixedsize=true,label=""];edge[arrowsize=0.9];',
    ]
    for place in (frame for frame in drawn.frames if frame.parent is None):
        inner = [frame for frame in drawn.frames if frame.parent == place.name]
        out.append(_dot_frame(place, size))
        out.extend(_dot_frame(frame, size) + "}" for frame in inner)
        alone = [name for frame in (place, *inner) for name in frame.units if not neighbours[name]]
        out.extend(f"{before}->{after}[style=invis];" for before, after in pairwise(alone))
        out.append("}")
    for bundle in drawn.bundles:
        both = ",dir=both" if bundle.edge.both_ways else ""
        box = _empty_box(bundle.width, bundle.height)
        length = max(rank.get(bundle.source, 1), rank.get(bundle.destination, 1))
        out.append(f'{bundle.source}->{bundle.destination}[id="{bundle.name}",label={box},minlen={length}{both}];')
    return "\n".join([*out, "}"])


def _dot_frame(frame: Frame, size: dict[str, str]) -> str:
    name = "cluster_" + frame.name.replace("-", "_")
    box = _empty_box(text_width(frame.title, size=FRAME_SIZE) + 8, 16)
    units = "".join(f"{unit}{size[unit]};" for unit in frame.units)
    return f'subgraph {name}{{id="{frame.name}";margin=14;labeljust=l;label={box};{units}'


def _empty_box(width: float, height: float) -> str:
    return (
        '<<table border="0" cellborder="0" cellpadding="0" cellspacing="0"><tr>'
        f'<td fixedsize="true" width="{int(width) + 1}" height="{int(height) + 1}"></td></tr></table>>'
    )


def _graphviz(dots: list[str]) -> list[dict[str, Any]]:
    """What the child process answered in time; an empty list when it failed, whatever the reason."""
    child = [sys.executable, "-P", "-W", "ignore", str(Path(__file__).with_name("map_graphviz.py"))]
    try:
        done = subprocess.run(child, input=json.dumps(dots).encode(), capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  # our own program
        written = done.stdout
    except subprocess.TimeoutExpired as late:
        written = late.stdout or b""
    except OSError:
        return []
    whole_lines = written[: written.rfind(b"\n") + 1].splitlines()
    return [cast(dict[str, Any], json.loads(line)) for line in whole_lines]


def _read(answer: dict[str, Any]) -> Layout:
    width, height = (float(number) for number in str(answer["bb"]).split(",")[2:])
    units: dict[str, tuple[float, float]] = {}
    frames: dict[str, tuple[float, float, float, float]] = {}

    def point(text: str) -> tuple[float, float]:
        x, y = text.split(",")
        return float(x), height - float(y)

    for thing in cast(list[dict[str, str]], answer.get("objects", [])):
        if "bb" in thing:
            left, bottom, right, top = (float(number) for number in thing["bb"].split(","))
            frames[thing["id"]] = (left, height - top, right, height - bottom)
        else:
            units[thing["name"]] = point(thing["pos"])
    routes: dict[str, Route] = {}
    for edge in cast(list[dict[str, str]], answer.get("edges", [])):
        if "id" not in edge:
            continue  # an invisible one, which only keeps two frames beside each other
        pieces = edge["pos"].split(" ")
        tips = {piece[0]: point(piece[2:]) for piece in pieces if piece[0] in "se"}
        points = tuple(point(piece) for piece in pieces if piece[0] not in "se")
        routes[edge["id"]] = Route(points, True, tips.get("s"), tips.get("e"), point(edge["lp"]))
    return Layout(width, height, units, frames, routes)


def _grid(drawn: Plan) -> Layout:
    """Frames side by side, units below each other, straight lines: plain, but it always comes."""
    by_name = {unit.name: unit for unit in drawn.units}
    units: dict[str, tuple[float, float]] = {}
    frames: dict[str, tuple[float, float, float, float]] = {}
    left = 0.0
    for place in (frame for frame in drawn.frames if frame.parent is None):
        inner = [frame for frame in drawn.frames if frame.parent == place.name] or [place]
        place_left, place_bottom = left, 0.0
        for frame in inner:
            width = max(by_name[name].width for name in frame.units)
            top = 40.0
            for name in frame.units:
                unit = by_name[name]
                units[name] = (left + 28 + width / 2, top + 30 + unit.height / 2)
                top += unit.height + 24
            frames[frame.name] = (left + 14, 30, left + width + 42, top + 26)
            place_bottom = max(place_bottom, top + 40)
            left += width + 56
        frames[place.name] = (place_left, 0, left, place_bottom)
        left += 60
    routes = {bundle.name: _straight(bundle, units, by_name) for bundle in drawn.bundles}
    return Layout(left - 60, max(frame[3] for frame in frames.values()), units, frames, routes)


def _straight(bundle: Bundle, units: dict[str, tuple[float, float]], by_name: dict[str, Unit]) -> Route:
    (x1, y1), (x2, y2) = units[bundle.source], units[bundle.destination]
    side = 1 if x2 >= x1 else -1
    start = (x1 + side * by_name[bundle.source].width / 2, y1)
    end = (x2 - side * by_name[bundle.destination].width / 2, y2)
    if x1 == x2:
        end = (x2 + by_name[bundle.destination].width / 2, y2)
    label = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    return Route((start, end), False, start if bundle.edge.both_ways else None, end, label)
