"""When a connection is pulled by itself: every so many minutes, or once a day by a clock on somebody's wall."""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from domain.errors import Invalid
from domain.inventory.imports.normal_form import UnreadableImport
from domain.inventory.imports.times import zone_named
from domain.tenancy import Fields


class ScheduleFields(Fields):
    every_minutes: int | None = Field(default=None, ge=60, le=7 * 24 * 60, description="How often to pull.")
    daily_at: str | None = Field(
        default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Pull once a day, at this time: `03:30`."
    )
    timezone: str = Field(default="UTC", max_length=64, description="The zone of `daily_at`, such as `America/Chicago`.")


def check_schedule(fields: ScheduleFields) -> None:
    if fields.every_minutes is not None and fields.daily_at is not None:
        raise Invalid.one("/daily_at", "contradiction", "Pull every so many minutes, or daily at a time, not both.")
    try:
        zone_named(fields.timezone)
    except UnreadableImport:
        detail = "The time zone is not one of the tz database; a name such as America/Chicago is expected."
        raise Invalid.one("/timezone", "unknown_timezone", detail) from None


def next_run(fields: ScheduleFields, after: datetime) -> datetime | None:
    """None: only when somebody asks for it. An hour that the change to summer time leaves out is an hour later."""
    if fields.every_minutes is not None:
        return after + timedelta(minutes=fields.every_minutes)
    if fields.daily_at is None:
        return None
    zone = zone_named(fields.timezone)
    hour, minute = map(int, fields.daily_at.split(":"))
    local = after.astimezone(zone)
    at = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    today = at.astimezone(UTC)
    return today if today > after else (at + timedelta(days=1)).astimezone(UTC)
