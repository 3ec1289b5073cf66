"""The management tools that can be connected."""

from collections.abc import Mapping

from domain.inventory.rmm.datto import Datto
from domain.inventory.rmm.ninjaone import NinjaOne
from domain.inventory.rmm.source import RmmSource

PRODUCTS: Mapping[str, type[RmmSource]] = {each.product: each for each in (NinjaOne, Datto)}
