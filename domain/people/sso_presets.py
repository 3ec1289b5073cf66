"""Presets of well-known sign-in providers: data, so that another one is an entry of ``sso_presets.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("sso_presets.toml")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a connection begins with where its maker says nothing else."""

    key: str
    name: str
    issuer: str
    """Its form; what stands in braces is the customer's own."""
    scopes: list[str]
    email_verified_claim: str
    note: str
    domain_claim: str | None = None
    groups_claim: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those of the fields above that a connection has as well."""


@cache
def sso_presets() -> Mapping[str, Preset]:
    """By key."""
    told: dict[str, dict[str, Any]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))["presets"]
    own = {"scopes", "email_verified_claim", "domain_claim", "groups_claim"}
    return {
        key: Preset(key=key, **fields, values={name: value for name, value in fields.items() if name in own})
        for key, fields in told.items()
    }
