"""The network map: which things a practice has, and along which ways images and ePHI move between them.

Rows in, one frozen `NetworkMap` out; the pictures (`map_drawing`, `map_mermaid`) and the words below are drawn from it.
What is not known stays ``None`` all the way and is always said, because a line that looks safe would be read as safe.
"""

import datetime
import json
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OsSupport = Literal["supported", "ended", "unknown", "not_applicable"]

HOSTED = "Hosted services"
OUTSIDE = "Outside parties"
NO_LOCATION = "Location not recorded"
NO_SEGMENT = "Segment not recorded"
SPELLED = ("BAA", "CBCT", "CD", "DICOM", "DVD", "FTP", "HTTP", "HTTPS", "ISP", "MFA", "MMS", "MSP", "NAS", "OS", "PACS",
           "PC", "PMS", "PSP", "RMM", "SFTP", "SMB", "SMS", "TLS", "USB", "VPN", "VoIP", "ePHI")  # fmt: skip
ACRONYMS = {word.lower(): word for word in SPELLED}


class MapNode(BaseModel):
    """A device, a system or an outside party. ``location`` and ``segment`` are names as people wrote them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Key
    name: str
    kind: str
    location: str | None = None
    segment: str | None = None
    stores_ephi: bool | None
    os_support: OsSupport
    hosted: bool = False
    outside: bool = False  # a partner, a patient, a vendor: no place of the practice is to be expected


class MapEdge(BaseModel):
    """One movement of images or ePHI. ``label`` is the name of the flow; ``None`` means nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Key
    source: Key
    destination: Key
    method: str | None = None
    encrypted: bool | None
    logged: bool | None
    crosses_internet: bool | None
    purpose: str | None = None
    direction: str | None = None
    label: str = ""

    @property
    def both_ways(self) -> bool:
        return self.direction in {"both", "bidirectional", "two_way"}


class MapCluster(BaseModel):
    """A frame on the map: a place, or a segment (``parent`` is its place)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    kind: Literal["location", "segment"]
    parent: str | None
    nodes: tuple[str, ...]


class NetworkMap(BaseModel):
    """Nodes and edges keep the order given; edge number 1 is the first edge, here and in every picture and table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    as_of: datetime.date
    nodes: tuple[MapNode, ...] = ()
    edges: tuple[MapEdge, ...] = ()

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        known = {node.id for node in self.nodes}
        if len(known) != len(self.nodes):
            raise ValueError(f"two nodes share the id {_first_repeated(node.id for node in self.nodes)!r}")
        if len({edge.id for edge in self.edges}) != len(self.edges):
            raise ValueError(f"two edges share the id {_first_repeated(edge.id for edge in self.edges)!r}")
        for edge in self.edges:
            for end in (edge.source, edge.destination):
                if end not in known:
                    raise ValueError(f"edge {edge.id!r} names {end!r}, which is no node of this map")
        return self

    @property
    def clusters(self) -> tuple[MapCluster, ...]:
        """Places in order of first appearance, each followed by its segments."""
        places: dict[str, dict[str | None, list[str]]] = {}
        for node in self.nodes:
            places.setdefault(place_of(node), {}).setdefault(node.segment, []).append(node.id)
        found: list[MapCluster] = []
        for number, (place, segments) in enumerate(places.items(), start=1):
            of_place = f"location-{number}"
            inside = tuple(node_id for ids in segments.values() for node_id in ids)
            found.append(MapCluster(id=of_place, name=place, kind="location", parent=None, nodes=inside))
            if set(segments) == {None}:
                continue
            for position, (segment, ids) in enumerate(segments.items(), start=1):
                found.append(
                    MapCluster(
                        id=f"{of_place}-segment-{position}",
                        name=NO_SEGMENT if segment is None else segment,
                        kind="segment",
                        parent=of_place,
                        nodes=tuple(ids),
                    )
                )
        return tuple(found)


def place_of(node: MapNode) -> str:
    if node.location is not None:
        return node.location
    if node.outside:
        return OUTSIDE
    return HOSTED if node.hosted else NO_LOCATION


def to_json(network: NetworkMap) -> str:
    """The map as one JSON object, keys sorted, with its clusters, its counts and its words."""
    document: dict[str, object] = {
        **network.model_dump(mode="json"),
        "clusters": [cluster.model_dump(mode="json") for cluster in network.clusters],
        "summary": summary(network),
        "text": list(sentences(network)),
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def summary(network: NetworkMap) -> str:
    """One sentence of counts: the short text alternative of every picture."""
    edges, nodes = network.edges, network.nodes
    parts = [
        f"{_count(len(nodes), 'node')} and {_count(len(edges), 'flow')}",
        f"flows not encrypted: {sum(edge.encrypted is False for edge in edges)}",
        f"flows not known to be encrypted or not: {sum(edge.encrypted is None for edge in edges)}",
        f"flows not logged: {sum(edge.logged is False for edge in edges)}",
        f"flows not known to be logged or not: {sum(edge.logged is None for edge in edges)}",
        f"nodes with an operating system out of support: {sum(node.os_support == 'ended' for node in nodes)}",
        f"nodes whose support is not known: {sum(node.os_support == 'unknown' for node in nodes)}",
        f"nodes that hold ePHI: {sum(node.stores_ephi is True for node in nodes)}",
        f"nodes not known to hold ePHI or not: {sum(node.stores_ephi is None for node in nodes)}",
    ]
    return "; ".join(parts) + "."


def sentences(network: NetworkMap) -> tuple[str, ...]:
    """Everything the picture shows, in words: first the frames with their nodes, then the numbered flows."""
    by_id = {node.id: node for node in network.nodes}
    flows = (_edge_sentence(number, edge, by_id) for number, edge in enumerate(network.edges, start=1))
    return (*place_sentences(network), *flows)


def place_sentences(network: NetworkMap) -> tuple[str, ...]:
    """What stands in each frame, one sentence each."""
    by_id = {node.id: node for node in network.nodes}
    said: list[str] = []
    for cluster in network.clusters:
        if cluster.kind == "location" and any(other.parent == cluster.id for other in network.clusters):
            continue
        place = next((f"{other.name}, " for other in network.clusters if other.id == cluster.parent), "")
        listed = "; ".join(_node_words(by_id[node_id]) for node_id in cluster.nodes)
        said.append(f"{place}{cluster.name}: {listed}.")
    return tuple(said)


def edge_flags(edge: MapEdge) -> tuple[str, ...]:
    """What is wrong or unknown about a flow, in words; empty when it is shown to be encrypted and logged."""
    flags: list[str] = []
    if edge.encrypted is not True:
        flags.append("encryption not known" if edge.encrypted is None else "not encrypted")
    if edge.logged is not True:
        flags.append("logging not known" if edge.logged is None else "not logged")
    return tuple(flags)


def node_flags(node: MapNode) -> tuple[str, ...]:
    """The badges of a node, in words."""
    flags: list[str] = []
    if node.stores_ephi is not False:
        flags.append("holds ePHI not known" if node.stores_ephi is None else "holds ePHI")
    if node.os_support == "ended":
        flags.append("OS out of support")
    if node.os_support == "unknown":
        flags.append("OS support not known")
    return tuple(flags)


def words(code: str) -> str:
    """``capture_workstation`` as a person would say it; anything already in words stays as it is."""
    if code != code.lower() or " " in code:
        return code
    return " ".join(ACRONYMS.get(word, word) for word in code.split("_"))


def _node_words(node: MapNode) -> str:
    return f"{node.name} ({', '.join((words(node.kind), *node_flags(node)))})"


def _edge_sentence(number: int, edge: MapEdge, by_id: dict[str, MapNode]) -> str:
    verb = "exchanges with" if edge.both_ways else "sends to"
    method = f"by {words(edge.method)}" if edge.method else "by a method not known"
    facts = (
        {True: "encrypted", False: "not encrypted", None: "encryption not known"}[edge.encrypted],
        {True: "logged", False: "not logged", None: "logging not known"}[edge.logged],
        {True: "crosses the internet", False: "stays off the internet", None: "crossing of the internet not known"}[
            edge.crosses_internet
        ],
        f"purpose {words(edge.purpose)}" if edge.purpose else "purpose not recorded",
    )
    name = f"{edge.label}: " if edge.label else ""
    source, destination = by_id[edge.source].name, by_id[edge.destination].name
    return f"Flow {number}. {name}{source} {verb} {destination} {method}; {', '.join(facts)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _first_repeated(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None
