"""What the map will show, before anything has a place: nodes gathered into units, edges into lines, sizes from text.

Nodes of one segment that exchange with the same others share a frame, each with the numbers of its flows, so that forty
workstations are forty names and a few lines instead of forty lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.inventory.map import MapEdge, MapNode, NetworkMap, edge_flags, node_flags, place_of, words
from domain.inventory.map_labels import text_width, visible, wrap

NODE_WIDTH = 172.0
NAME_SIZE, SMALL_SIZE, FRAME_SIZE = 11.5, 9.5, 12.0
NAME_LEADING, SMALL_LEADING, BADGE_HEIGHT = 14.0, 12.0, 14.0
PADDING, GAP = 8.0, 8.0
BOLD = 1.12  # how much wider bold text is


@dataclass(frozen=True, slots=True)
class Unit:
    """One box of the layout: a node, or a frame around nodes that are connected alike."""

    name: str
    members: tuple[MapNode, ...]
    numbers: tuple[tuple[int, ...], ...]  # for each member, its flows; empty when the unit is a single node
    columns: int
    width: float
    height: float
    row_heights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Edges drawn as one line: same ends, same method, same state. ``numbers`` are those of the flow table."""

    name: str
    source: str
    destination: str
    numbers: tuple[int, ...]
    edge: MapEdge
    lines: tuple[str, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A place (``parent`` is None) or a segment inside it."""

    name: str
    title: str
    parent: str | None
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    units: tuple[Unit, ...]
    bundles: tuple[Bundle, ...]
    frames: tuple[Frame, ...]


def plan(network: NetworkMap, *, place: str | None) -> Plan:
    """Units, bundles and frames of a map, or of the part that touches one place; always the same for the same map."""
    nodes, edges = _part(network, place)
    ways: dict[str, set[tuple[str, str]]] = {node.id: set() for node in nodes}
    numbers: dict[str, list[int]] = {node.id: [] for node in nodes}
    for number, edge in edges:
        ways[edge.source].add(("out", edge.destination))
        ways[edge.destination].add(("in", edge.source))
        for end in {edge.source, edge.destination}:
            numbers[end].append(number)
    alike: dict[tuple[object, ...], list[MapNode]] = {}
    for node in nodes:
        alike.setdefault((place_of(node), node.segment, *sorted(ways[node.id])), []).append(node)
    units: list[Unit] = []
    home: dict[str, str] = {}
    for key, same in alike.items():
        connected = len(key) > 2
        together = [tuple(same)] if len(same) >= (3 if connected else 2) else [(node,) for node in same]
        for members in together:
            unit = _unit(f"u{len(units)}", members, numbers)
            units.append(unit)
            home.update({member.id: unit.name for member in members})
    return Plan(tuple(units), _bundles(edges, home), _frames(network, home))


def member_lines(
    node: MapNode, numbers: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The text of one node: name lines, small lines (kind, flows), rows of badges."""
    inner = NODE_WIDTH - 2 * PADDING
    name = wrap(visible(node.name), width=inner, size=NAME_SIZE * BOLD, lines=4)
    kind = visible(words(node.kind)) + (" · hosted" if node.hosted else "")
    rows: list[tuple[str, ...]] = []
    for flag in node_flags(node):
        used = sum(badge_width(other) + 4 for other in rows[-1]) if rows else inner
        if used + badge_width(flag) > inner:
            rows.append((flag,))
        else:
            rows[-1] = (*rows[-1], flag)
    small = wrap(kind, width=inner, size=SMALL_SIZE, lines=1)
    if numbers:
        small += wrap(f"flow {ranges(numbers)}", width=inner, size=SMALL_SIZE, lines=3)
    return name, small, tuple(rows)


def badge_width(flag: str) -> float:
    return text_width(flag, size=SMALL_SIZE - 1) * BOLD + 8


def member_height(node: MapNode, numbers: tuple[int, ...]) -> float:
    name, small, rows = member_lines(node, numbers)
    return len(name) * NAME_LEADING + len(small) * SMALL_LEADING + len(rows) * (BADGE_HEIGHT + 2) + 2 * PADDING


def _unit(name: str, members: tuple[MapNode, ...], numbers: dict[str, list[int]]) -> Unit:
    if len(members) == 1:
        height = member_height(members[0], ())
        return Unit(name, members, ((),), 1, NODE_WIDTH, height, (height,))
    own = tuple(tuple(numbers[member.id]) for member in members)
    heights = [member_height(member, flows) for member, flows in zip(members, own, strict=True)]

    def shape(columns: int) -> tuple[float, float, tuple[float, ...]]:
        rows = tuple(max(heights[start : start + columns]) for start in range(0, len(heights), columns))
        return columns * (NODE_WIDTH + GAP) + GAP, sum(rows) + GAP * (len(rows) + 1), rows

    columns = min(range(1, len(members) + 1), key=lambda count: abs(shape(count)[0] / shape(count)[1] - 1.5))
    width, height, rows = shape(columns)
    return Unit(name, members, own, columns, width, height, rows)


def _part(network: NetworkMap, place: str | None) -> tuple[list[MapNode], list[tuple[int, MapEdge]]]:
    """The nodes and the numbered edges to draw; numbers are those of the whole map."""
    here = {node.id for node in network.nodes if place in {None, place_of(node)}}
    edges = [
        (number, edge) for number, edge in enumerate(network.edges, start=1) if edge.source in here or edge.destination in here
    ]
    shown = here.union(*({edge.source, edge.destination} for _, edge in edges))
    return [node for node in network.nodes if node.id in shown], edges


def _state(edge: MapEdge) -> tuple[str, ...]:
    return (edge.method or "", str(edge.encrypted), str(edge.logged), str(edge.crosses_internet), str(edge.both_ways))


def _bundles(edges: Sequence[tuple[int, MapEdge]], home: dict[str, str]) -> tuple[Bundle, ...]:
    alike: dict[tuple[str, ...], list[tuple[int, MapEdge]]] = {}
    for number, edge in edges:
        alike.setdefault((home[edge.source], home[edge.destination], *_state(edge)), []).append((number, edge))
    bundles: list[Bundle] = []
    for key, members in alike.items():
        numbers = tuple(number for number, _ in members)
        edge = members[0][1]
        method = visible(words(edge.method)) if edge.method else "method not known"
        internet = {True: " · internet", False: "", None: " · internet?"}[edge.crosses_internet]
        flags = edge_flags(edge)
        first = wrap(f"{ranges(numbers)} · {method}{internet}", width=130, size=SMALL_SIZE, lines=4)
        lines = (*first, *flags)
        width = max(text_width(line, size=SMALL_SIZE) * BOLD for line in lines) + 6
        name = f"e{len(bundles)}"
        bundles.append(Bundle(name, key[0], key[1], numbers, edge, lines, width, len(lines) * SMALL_LEADING + 4))
    return tuple(bundles)


def ranges(numbers: tuple[int, ...]) -> str:
    """``3–5, 9``: the flows of one line."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _frames(network: NetworkMap, home: dict[str, str]) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    clusters = network.clusters
    for cluster in clusters:
        split = any(other.parent == cluster.id for other in clusters)
        shown = [home[node] for node in cluster.nodes if node in home]
        if not shown:
            continue
        units = () if split else tuple(dict.fromkeys(shown))
        title = visible(words(cluster.name) if cluster.kind == "segment" else cluster.name)
        title = wrap(title, width=260, size=FRAME_SIZE, lines=1)[0]
        frames.append(Frame(cluster.id, title, cluster.parent, units))
    return tuple(frames)
