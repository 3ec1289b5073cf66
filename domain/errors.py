"""What can go wrong in the domain, as one tree.

    DomainError
    ├── Malformed            400  cannot be read at all
    ├── Unauthenticated      401  nobody we know
    ├── PaymentRequired      402  not paid, or over a plan's limit
    ├── Forbidden            403  known, but not allowed
    ├── NotFound             404  not there, or not yours: the two are never told apart
    ├── NotAcceptable        406  not in any of the media types you accept
    ├── Conflict             409  true elsewhere, not here and now
    ├── PreconditionFailed   412  If-Match names another version
    ├── TooLarge             413
    ├── UnsupportedMedia     415
    ├── Invalid              422  readable, but wrong; carries one Fault per field
    ├── TooManyRequests      429  try again later, and the error says when
    └── Unavailable          503  try again later

``api/problems.py`` maps each class to its status once. Raising rolls the transaction back; returning commits it.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


class DomainError(Exception):
    """Anything the caller should read about. ``code`` is stable; ``detail`` says what to do."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.specific_code = code or self.code


class Malformed(DomainError):
    code = "malformed"
    title = "The request cannot be read"


class Unauthenticated(DomainError):
    code = "unauthenticated"
    title = "Credentials are missing or not valid"


class PaymentRequired(DomainError):
    """``more`` are members of the answer: plan, state, access or limit. ``mend`` names what would mend it, for which the
    doors know the link."""

    code = "payment_required"
    title = "The subscription does not cover this"

    def __init__(
        self,
        detail: str,
        *,
        mend: str,
        code: str | None = None,
        more: Mapping[str, Any] | None = None,
        organization_id: UUID | None = None,
    ) -> None:
        super().__init__(detail, code=code)
        self.mend = mend
        self.more = dict(more or {})
        self.organization_id = organization_id


class Forbidden(DomainError):
    code = "forbidden"
    title = "Your role or scopes do not allow this"


class NotFound(DomainError):
    code = "not_found"
    title = "There is no such resource"

    def __init__(self, noun: str) -> None:
        super().__init__(f"There is no such {noun}, or it is not yours to see.")


class NotAcceptable(DomainError):
    code = "not_acceptable"
    title = "None of the media types you accept can be had here"


class Conflict(DomainError):
    code = "conflict"
    title = "The request conflicts with the current state"


class PreconditionFailed(DomainError):
    code = "precondition_failed"
    title = "The resource has changed since you read it"


class TooLarge(DomainError):
    code = "too_large"
    title = "The request is too large"


class UnsupportedMedia(DomainError):
    code = "unsupported_media_type"
    title = "This kind of content is not accepted here"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the input. ``pointer`` is a JSON pointer (RFC 6901) into the body, or the
    parameter's name behind ``query/`` or ``header/``."""

    pointer: str
    code: str
    detail: str


class Invalid(DomainError):
    code = "invalid"
    title = "The request has fields that are not valid"

    def __init__(self, faults: Sequence[Fault], *, code: str | None = None) -> None:
        super().__init__(" ".join(f"{fault.pointer or 'The body'}: {fault.detail}" for fault in faults), code=code)
        self.faults = tuple(faults)

    @classmethod
    def one(cls, pointer: str, code: str, detail: str) -> "Invalid":
        return cls([Fault(pointer, code, detail)])


class TooManyRequests(DomainError):
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds."""


class Unavailable(DomainError):
    code = "unavailable"
    title = "The service cannot answer just now"


def place_of(error: BaseException) -> str:
    """The line of code where an error arose: enough to find it, and nothing of what it was about."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "unknown"
