"""A password in the endpoint's address, as an environment may hold it: refused, and said by nothing."""

from __future__ import annotations

import pytest

from restore_tester.backups.s3_faults import Asked, odd_answer, unreachable
from tests.fleets import Fleet

CANARY = "hunter2-canary"
ENDPOINT = f"http://bob:{CANARY}@127.0.0.1:1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
BUCKET = "{type: s3, bucket: b, prefix: p/, name: 'a-{taken_at:%Y-%m-%d}.dump'}"
ABOUT = Asked("b", None, "someone", "s3:ListBucket")


def test_a_password_in_the_endpoint_of_the_environment_is_refused_and_never_said(fleet: Fleet) -> None:
    (fleet.folder / "restore-tester.yaml").write_text(f"workloads:\n  shop:\n    owner: ops\n    locations: {{primary: {BUCKET}}}\n")
    asked = (("config", "check", "--live"), ("plan",), ("run", "--all"), ("verify", "s3://b/p/a.dump"), ("init", "s3://b/p/"))
    for arguments in asked:
        code, output, errors = fleet.text(*arguments, **KEYS, AWS_ENDPOINT_URL=ENDPOINT)
        assert (code in (2, 3), CANARY in output + errors) == (True, False), arguments
    for path in fleet.folder.glob("*.db*"):
        assert CANARY.encode() not in path.read_bytes()
    assert fleet.json("history").reasons == ["secret_in_endpoint"]


@pytest.mark.parametrize("password", [CANARY, f"{CANARY}/with@signs", f"a {CANARY} b", f"line\n{CANARY}"])
def test_what_a_library_says_of_an_address_leaves_its_credentials_out(password: str) -> None:
    said = f'Could not connect to the endpoint URL: "http://bob:{password}@store.internal/b?list-type=2"'
    for error in (unreachable(ABOUT, said), odd_answer(ABOUT, said)):
        assert CANARY not in str(error)
        assert "store.internal" in str(error)
