"""Who is told of changes, as written: addresses are secrets, so only references to them are taken."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from restore_tester.config.loading import Loaded, examine
from restore_tester.config.nouns import NOTIFIED, Ping, Target
from restore_tester.config.secrets import Secret
from restore_tester.service.configured import trouble_with_name

WORKLOADS = "workloads: {orders: {owner: ops, locations: {primary: {type: folder, path: backups}}}}\n"


def read(folder: Path, text: str) -> Loaded:
    (folder / "restore-tester.yaml").write_text(text + WORKLOADS)
    return examine(folder / "restore-tester.yaml", trouble_with_name)


def test_a_target_says_whom_to_tell_and_of_what(tmp_path: Path) -> None:
    text = """
public_url: https://dr.example.com/
notifications:
  - url: {env: SLACK_URL}
  - {url: {file: mail}, when: [failed, recovered], workloads: ["shop-*"], owners: [ops], at_most_every: 10m, digest: "08:00"}
ping: {url: {env: PING_URL}}
"""
    found = read(tmp_path, text).configuration
    assert found is not None
    first = Target(url=Secret("env", "SLACK_URL"), when=NOTIFIED)
    second = Target(
        url=Secret("file", str(tmp_path / "mail")),
        when=("failed", "recovered"),
        workloads=("shop-*",),
        owners=("ops",),
        at_most_every_seconds=600.0,
        digest=time(8),
    )
    assert found.notifications == (first, second)
    assert (found.ping, found.public_url) == (Ping(Secret("env", "PING_URL"), 300.0), "https://dr.example.com")


@pytest.mark.parametrize(
    "text",
    [
        "notifications: [{url: slack://T0123456/secret}]",
        "notifications: [{when: [failed]}]",
        "notifications: [{url: {env: X}, when: [always]}]",
        "notifications: [{url: {env: X}, when: []}]",
        "notifications: [{url: {env: X}, criticality: [grave]}]",
        "notifications: [{url: {env: X}, digest: 8}]",
        "ping: {url: https://ping.example.com/secret}",
        "public_url: dr.example.com",
        "public_url: https://dr.example.com/?a=b",
    ],
)
def test_what_makes_no_sense_is_refused_in_its_place_and_no_secret_is_repeated(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text + "\n")
    assert {mistake.line for mistake in found.mistakes} == {1}
    assert "secret" not in found.mistakes[0].message.replace("a secret stands", "").replace("reference to a secret", "")
