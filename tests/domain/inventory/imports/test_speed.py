"""Ten thousand devices are read in about a second of one processor.

A busy machine counts its seconds slowly, so the limit is a multiple of a small sum done before and after.
"""

import json
import time
from collections.abc import Callable

from tests.domain.inventory.imports.samples import read

DEVICES = 10_000
MOST_SUMS = 15
"""Reading takes about six; the sum takes an eighth of a second on an idle machine of 2026."""


def seconds_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def a_sum() -> int:
    return sum(number * number for number in range(2_000_000))


def test_ten_thousand_devices_of_ninjaone_with_volumes_and_antivirus() -> None:
    devices = [
        {
            "id": number,
            "systemName": f"PC-{number}",
            "approvalStatus": "APPROVED",
            "lastContact": 1795347600.5,
            "references": {"location": {"id": 1, "name": "Main"}},
            "os": {"name": "Windows 11 Professional Edition", "buildNumber": "26200", "releaseId": "25H2"},
            "system": {"name": f"PC-{number}", "serialNumber": f"EXC{number}P"},
            "ipAddresses": ["10.9.0.1"],
        }
        for number in range(DEVICES)
    ]
    status = {"conversionStatus": "FULLY_ENCRYPTED", "protectionStatus": "PROTECTED"}
    volumes = [{"deviceId": number, "deviceType": "Fixed", "bitLockerStatus": status} for number in range(DEVICES)]
    products = [{"deviceId": number, "productState": "ON", "definitionStatus": "Up-to-Date"} for number in range(DEVICES)]
    parts = {
        "devices": json.dumps(devices).encode(),
        "volumes": json.dumps({"results": volumes}).encode(),
        "antivirus": json.dumps({"results": products}).encode(),
    }

    before = seconds_of(a_sum)
    began = time.process_time()
    parsed = read("ninjaone", parts)
    took = time.process_time() - began
    after = seconds_of(a_sum)

    assert len(parsed.rows) == DEVICES
    assert {(device.os_key, device.encryption, device.av) for device in parsed.rows} == {("windows:11-25h2-w", "on", "on")}
    assert took < MOST_SUMS * max(before, after)


def test_ten_thousand_rows_of_a_table() -> None:
    heading = "Device ID,Computer Name,Operating System,OS Build,Last Seen,BitLocker,Antivirus,Serial Number,Location,Notes"
    rows = "\n".join(
        f"g{number},PC-{number},Windows 11 Pro,26200,2026-11-22 06:15:00,On,Running,EXC{number}P,Main,note {number}"
        for number in range(DEVICES)
    )

    before = seconds_of(a_sum)
    began = time.process_time()
    parsed = read("csv", f"{heading}\n{rows}\n".encode(), timezone="America/New_York")
    took = time.process_time() - began
    after = seconds_of(a_sum)

    assert len(parsed.rows) == DEVICES
    assert parsed.rejected == ()
    assert took < MOST_SUMS * max(before, after)
