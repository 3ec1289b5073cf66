"""One file per ticketing product; ``PRODUCTS`` is the list of them."""

from collections.abc import Mapping

from domain.ticketing.connector import Connector
from domain.ticketing.connectors.request_tracker import RequestTracker

PRODUCTS: Mapping[str, type[Connector]] = {each.product: each for each in (RequestTracker,)}
