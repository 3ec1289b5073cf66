"""Passkeys: the two ceremonies of WebAuthn (W3C, level 3), to set one up and to use it.

They belong to the host where people use Bitewing in a browser (``BITEWING_APP_URL``), and answer to no other: that is what
makes them proof against look-alike pages.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from pydantic import ConfigDict, Field
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from domain.clock import now
from domain.people.second_factors import SecondFactor
from domain.settings import Settings
from domain.tenancy import Fields

_LONGEST = 20_000


class CredentialResponse(Fields):
    """As the browser's ``toJSON()`` writes it; what is not named here is not looked at."""

    model_config = ConfigDict(extra="ignore")  # pyright: ignore[reportAssignmentType]  SQLModel types it as its own dict

    clientDataJSON: str = Field(max_length=_LONGEST)
    attestationObject: str | None = Field(default=None, max_length=_LONGEST)
    authenticatorData: str | None = Field(default=None, max_length=_LONGEST)
    signature: str | None = Field(default=None, max_length=_LONGEST)
    userHandle: str | None = Field(default=None, max_length=_LONGEST)


class CredentialFields(Fields):
    """A ``PublicKeyCredential``, as the browser's ``toJSON()`` writes it."""

    model_config = ConfigDict(extra="ignore")  # pyright: ignore[reportAssignmentType]  SQLModel types it as its own dict

    id: str = Field(max_length=2_000)
    rawId: str = Field(max_length=2_000)
    type: str = Field(max_length=40)
    response: CredentialResponse


def registration(settings: Settings, *, person_id: UUID, account: str, known: Sequence[SecondFactor]) -> tuple[bytes, Any]:
    """The challenge, and what a browser's ``navigator.credentials.create`` wants to know."""
    options = webauthn.generate_registration_options(
        rp_id=_host(settings),
        rp_name="Bitewing",
        user_id=person_id.bytes,
        user_name=account,
        exclude_credentials=_described(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return options.challenge, json.loads(webauthn.options_to_json(options))


def register(settings: Settings, factor: SecondFactor, credential: CredentialFields, challenge: bytes) -> bool:
    """Take a new passkey into ``factor``, if it answers our challenge from our own page."""
    try:
        made = webauthn.verify_registration_response(
            credential=_said(credential),
            expected_challenge=challenge,
            expected_rp_id=_host(settings),
            expected_origin=_origin(settings),
        )
    except (WebAuthnException, ValueError):
        return False
    factor.credential_id, factor.public_key, factor.sign_count = made.credential_id, made.credential_public_key, made.sign_count
    return True


def request(settings: Settings, known: Sequence[SecondFactor]) -> tuple[bytes, Any]:
    """The challenge, and what a browser's ``navigator.credentials.get`` wants to know."""
    options = webauthn.generate_authentication_options(
        rp_id=_host(settings),
        allow_credentials=_described(known),
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return options.challenge, json.loads(webauthn.options_to_json(options))


def answers(settings: Settings, known: Sequence[SecondFactor], credential: CredentialFields, challenge: bytes) -> bool:
    """Whether one of the passkeys answers our challenge. A counter that goes backwards is a copied key."""
    try:
        given = webauthn.base64url_to_bytes(credential.rawId)
        factor = next(each for each in known if each.credential_id == given)
        assert factor.public_key is not None
        shown = webauthn.verify_authentication_response(
            credential=_said(credential),
            expected_challenge=challenge,
            expected_rp_id=_host(settings),
            expected_origin=_origin(settings),
            credential_public_key=factor.public_key,
            credential_current_sign_count=factor.sign_count,
        )
    except (WebAuthnException, ValueError, StopIteration):
        return False
    factor.sign_count, factor.last_used_at = shown.new_sign_count, now()
    return True


def _said(credential: CredentialFields) -> dict[str, Any]:
    said = credential.model_dump()
    return {**said, "response": {name: value for name, value in said["response"].items() if value is not None}}


def _described(known: Sequence[SecondFactor]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each.credential_id) for each in known if each.credential_id is not None]


def _origin(settings: Settings) -> str:
    parts = urlsplit(settings.app_url or settings.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(settings: Settings) -> str:
    return urlsplit(settings.app_url or settings.base_url).hostname or ""
