"""Settings: every knob of the program, read once from ``BITEWING_*`` and frozen.

Without a single variable set the program runs on one machine with its own Postgres; each variable is explained in
``deploy/env.example``, and a test holds the two together.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.keyring import KeyRing, KeyRingError
from domain.networks import Network, parse_network

MIB = 1024 * 1024
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME_SERVER = re.compile(r"[0-9a-f.:]+:[0-9]{1,5}")
_SENDER = re.compile(r"[^\s@<>]+@[^\s@<>]+|[^<>@\x00-\x1f]+ <[^\s@<>]+@[^\s@<>]+>")


class SettingsError(Exception):
    """The settings cannot be used. The message lists everything that is missing or wrong, never a value."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="BITEWING_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Path(".bitewing")
    database_url: SecretStr | None = None
    owner_database_url: SecretStr | None = None
    postgres_binaries: Path | None = None
    pool_size: Annotated[int, Field(ge=2, le=200)] = 10
    statement_timeout_ms: Annotated[int, Field(ge=100)] = 30_000
    lock_timeout_ms: Annotated[int, Field(ge=100)] = 10_000
    begin_in_one_message: bool = True

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8800
    public_url: str | None = None
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    app_url: str | None = None
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    rate_limit_credential: Annotated[int, Field(ge=1)] = 3_000
    rate_limit_address: Annotated[int, Field(ge=1)] = 300
    rate_limit_url: SecretStr | None = None
    body_limit: Annotated[int, Field(ge=1024)] = 16 * MIB
    upload_limit: Annotated[int, Field(ge=1024)] = 25 * MIB
    problem_base_url: str = "https://bitewing.example/problems/"

    sign_ins_per_address: Annotated[int, Field(ge=1)] = 100
    dns_server: str | None = None

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode, Field(validate_default=True)] = ()
    files_url: str | None = None

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    webhook_allow_http: bool = False
    webhook_allow_loopback: bool = False
    webhook_ports: Annotated[tuple[int, ...], NoDecode] = (443,)
    webhook_bodies_days: Annotated[int, Field(ge=0, le=3_650)] = 30

    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_tls: Annotated[Literal["starttls", "tls", "none"], Field(validate_default=True)] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: Annotated[str | None, Field(validate_default=True)] = None

    stripe_api_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_api_base: str | None = None
    stripe_tax: bool = False
    seller: Annotated[str | None, Field(max_length=500)] = None

    @field_validator("secret_keys", "webhook_ports", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(each) for each in value):
            raise ValueError("each reads https://host or https://host:port, in small letters")
        return value

    @field_validator("rate_limit_url")
    @classmethod
    def _leads_to_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("it begins with redis:// or rediss://")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            parse_network(each)
        return value

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _leads_to_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("it begins with postgresql://")
        return value

    @field_validator("public_url", "app_url", "problem_base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("it begins with https:// or http://")
        return value

    @field_validator("dns_server")
    @classmethod
    def _is_a_name_server(cls, value: str | None) -> str | None:
        if value is not None and not _NAME_SERVER.fullmatch(value):
            raise ValueError("it is the IP address of a name server and its port, such as 192.0.2.53:53")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if value:
            try:
                KeyRing([key.get_secret_value() for key in value])
            except KeyRingError as error:
                raise ValueError(str(error)) from None
        elif info.data.get("database_url") is not None:
            raise ValueError("it must be set when BITEWING_DATABASE_URL names an outside database")
        return value

    @field_validator("smtp_tls")
    @classmethod
    def _is_not_overheard(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and info.data.get("smtp_host") not in LOOPBACK:
            raise ValueError("letters hold secret links: only an SMTP server on this machine may be spoken to without TLS")
        return value

    @field_validator("smtp_from")
    @classmethod
    def _is_a_sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("smtp_host"):
            raise ValueError("it must be set with BITEWING_SMTP_HOST, such as Bitewing <noreply@msp.example>")
        if value is not None and not _SENDER.fullmatch(value):
            raise ValueError("it is an address, or a name and an address in angle brackets")
        return value

    @property
    def embedded(self) -> bool:
        """True when we run our own Postgres under ``data_dir``."""
        return self.database_url is None

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of the proxies whose ``X-Forwarded-For`` is believed."""
        return tuple(parse_network(each) for each in self.trusted_proxies)

    @property
    def base_url(self) -> str:
        """Where clients reach us, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def link(self, page: str, token: str) -> str:
        """A link for a letter. What stands behind # is sent to no server and written into no log."""
        return self.page(f"links/{page}", f"token={token}")

    def page(self, path: str, secret: str) -> str:
        """A page for people: the frontend's if there is one, else our own."""
        return f"{(self.app_url or self.base_url).rstrip('/')}/{path}#{secret}"


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment, or raise :class:`SettingsError` with the whole list of what is wrong."""
    try:
        return Settings(**dict(overrides or {}))
    except ValidationError as error:
        lines = [
            f"  {_variable(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False)
        ]
        raise SettingsError("These settings must be mended before Bitewing can start:\n" + "\n".join(lines)) from None


def _variable(location: tuple[int | str, ...]) -> str:
    return f"BITEWING_{str(location[0]).upper()}" if location else "settings"
