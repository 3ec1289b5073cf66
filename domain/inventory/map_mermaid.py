"""The network map as Mermaid text, for wikis and tickets that draw it themselves.

Mermaid has no safe quoting: inside quotes it still reads entities, back-ticks, HTML and directives. So every character
of typed text that is not a letter, a digit or harmless is written as a numeric entity (``#60;``).
"""

import unicodedata

from domain.inventory.map import MapEdge, MapNode, NetworkMap, edge_flags, node_flags, words
from domain.inventory.map_drawing import DANGER, DOUBT, QUIET, line_style
from domain.inventory.map_labels import visible

PLAIN = frozenset(" -.,:/_")


def to_mermaid(network: NetworkMap) -> str:
    """A flowchart. Nodes are ``n1, n2, …`` and links carry the flow's number; no typed text is ever syntax."""
    names = {node.id: f"n{number}" for number, node in enumerate(network.nodes, start=1)}
    by_id = {node.id: node for node in network.nodes}
    lines = [
        "flowchart LR",
        f"  accTitle: {_typed(network.title)}, network map as of {network.as_of.isoformat()}",
    ]
    for cluster in network.clusters:
        if cluster.parent is not None:
            continue
        lines.append(f'  subgraph {cluster.id}["{_typed(cluster.name)}"]')
        segments = [other for other in network.clusters if other.parent == cluster.id]
        for segment in segments:
            lines.append(f'    subgraph {segment.id}["{_typed(words(segment.name))}"]')
            lines.extend(f"      {_node(names[node_id], by_id[node_id])}" for node_id in segment.nodes)
            lines.append("    end")
        if not segments:
            lines.extend(f"    {_node(names[node_id], by_id[node_id])}" for node_id in cluster.nodes)
        lines.append("  end")
    for number, edge in enumerate(network.edges, start=1):
        arrow = "<-->" if edge.both_ways else "-->"
        lines.append(f'  {names[edge.source]} {arrow}|"{_edge_label(number, edge)}"| {names[edge.destination]}')
    lines.extend(f"  linkStyle {place} {_link_style(edge)}" for place, edge in enumerate(network.edges))
    lines.append(f"  classDef ended stroke:{DANGER},stroke-width:3px")
    lines.append(f"  classDef unknown stroke:{DOUBT},stroke-width:2px,stroke-dasharray:3 2")
    lines.append(f"  classDef plain stroke:{QUIET}")
    lines.extend(f"  class {names[node.id]} {_node_class(node)}" for node in network.nodes)
    return "\n".join(lines) + "\n"


def _node(name: str, node: MapNode) -> str:
    opening, closing = ('(["', '"])') if node.hosted else ('["', '"]')
    hosted = ("hosted",) if node.hosted else ()
    details = ", ".join((words(node.kind), *hosted, *node_flags(node)))
    return f"{name}{opening}{_typed(node.name)}<br/>{_typed(details)}{closing}"


def _edge_label(number: int, edge: MapEdge) -> str:
    method = words(edge.method) if edge.method else "method not known"
    internet = {True: ("internet",), False: (), None: ("internet not known",)}[edge.crosses_internet]
    return _typed(", ".join((f"{number}: {method}", *internet, *edge_flags(edge))))


def _link_style(edge: MapEdge) -> str:
    style = line_style(encrypted=edge.encrypted, logged=edge.logged)
    parts = [f"stroke:{style['stroke']}", f"stroke-width:{style['stroke_width']}px"]
    if "stroke_dasharray" in style:
        parts.append(f"stroke-dasharray:{style['stroke_dasharray']}")
    return ",".join(parts)


def _node_class(node: MapNode) -> str:
    if node.os_support == "ended":
        return "ended"
    return "unknown" if node.os_support == "unknown" or node.stores_ephi is None else "plain"


def _typed(text: str) -> str:
    return "".join(_safe(character) for character in visible(text).replace("\n", " "))


def _safe(character: str) -> str:
    if character in PLAIN or unicodedata.category(character)[0] in "LNM":
        return character
    return f"#{ord(character)};"
