"""What one sandbox may take of the disk, where that was granted by the environment."""

from __future__ import annotations

import pytest

from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process.machine import granted_disk_bytes


def test_what_was_granted_is_read_as_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_TESTER_DISK", "9216MiB")
    assert granted_disk_bytes() == 9216 << 20


@pytest.mark.parametrize("written", [None, ""])
def test_without_a_grant_only_the_disk_is_the_limit(written: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if written is None:
        monkeypatch.delenv("RESTORE_TESTER_DISK", raising=False)
    else:
        monkeypatch.setenv("RESTORE_TESTER_DISK", written)
    assert granted_disk_bytes() > 1 << 60


def test_a_grant_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_TESTER_DISK", "9Gi")
    with pytest.raises(SandboxFault, match="is no size") as refused:
        granted_disk_bytes()
    assert refused.value.reason.code == "disk_limit_unreadable"
