"""Who may read the pages: this machine by its own name, elsewhere whoever holds the token; never by an address that bears it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.service.credentials import COOKIE, SESSION_SECONDS, is_session, new_session
from restore_tester.service.pages.access import is_local_name, is_loopback
from tests.service.ledgers import NOW, a_configuration
from tests.service.pages_served import Pages, pages

TOKEN = "sesame-open-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
READ = ("/", "/workloads/orders", "/drills/x", "/api/v1/workloads", "/api/v1/drills", "/api/v1/drills/x", "/api/v1/openapi.json")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(tmp_path_factory.mktemp("local"), token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(tmp_path_factory.mktemp("far"), listen="0.0.0.0:0", token=TOKEN) as running:
        yield running


@pytest.mark.parametrize("address", READ)
def test_on_loopback_a_name_that_was_bent_to_lead_here_is_refused(local: Pages, address: str) -> None:
    assert local.client.get(address).status_code in (200, 404)
    answer = local.client.get(address, headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "host_unknown" in answer.text


@pytest.mark.parametrize("address", READ)
def test_off_loopback_nothing_is_told_without_the_token(far: Pages, address: str) -> None:
    assert far.client.get(address).status_code == (401 if address.startswith("/api/") else 303)
    assert far.client.get(address, headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert far.client.get(address, headers=BEARER).status_code in (200, 404)


def test_health_and_metrics_stay_open(far: Pages) -> None:
    assert [far.client.get(address).status_code for address in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]


def test_without_a_token_configured_pages_off_loopback_are_closed(tmp_path: Path) -> None:
    with pages(tmp_path, listen="0.0.0.0:0") as served:
        assert "pages_closed" in served.page("/", 403)


def test_open_pages_are_read_by_anybody(tmp_path: Path) -> None:
    with pages(tmp_path, replace(a_configuration(), open_pages=True), "0.0.0.0:0", TOKEN) as served:
        assert served.client.get("/", headers={"Host": "pages.example"}).status_code == 200


def test_who_gives_the_token_to_the_form_gets_a_session_and_goes_on(far: Pages) -> None:
    asked = far.client.get("/workloads/orders?before=2026-01-01")
    assert asked.headers["location"] == "/login?next=%2Fworkloads%2Forders%3Fbefore%3D2026-01-01"
    form = far.client.get(asked.headers["location"])
    assert 'name="next" value="/workloads/orders?before=2026-01-01"' in form.text
    assert far.client.post("/login", data={"token": "wrong"}).status_code == 403
    into = far.client.post("/login", data={"token": TOKEN, "next": "/workloads/orders"}, headers={"X-Forwarded-Proto": "https"})
    assert (into.status_code, into.headers["location"]) == (303, "/workloads/orders")
    cookie = into.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"))
    assert TOKEN not in cookie
    far.client.cookies.clear()
    session = {"Cookie": cookie.partition(";")[0]}
    assert far.client.get("/workloads/orders", headers=session).status_code == 200
    assert far.client.post("/logout").headers["set-cookie"].startswith(f'{COOKIE}=""')


@pytest.mark.parametrize("address", ["https://evil.example", "//evil.example", "/\\evil.example", "x", "/\n/evil"])
def test_the_form_leads_nowhere_else(far: Pages, address: str) -> None:
    into = far.client.post("/login", data={"token": TOKEN, "next": address})
    far.client.cookies.clear()
    assert into.headers["location"] == "/"


def test_a_link_from_elsewhere_comes_in_by_one_step_from_our_own_page(far: Pages) -> None:
    answer = far.client.get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in answer.text
    assert "orders" not in answer.text


def test_a_form_of_many_fields_is_refused(far: Pages) -> None:
    answer = far.client.post("/login", data={f"field{number}": "x" for number in range(11)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_invalid")


@pytest.mark.parametrize("name", ["token", "TOKEN", "access_token", "api_key", "t%6Fken", "a&" * 150 + "token"])
@pytest.mark.parametrize("address", ["/", "/api/v1/drills", "/metrics", "/login"])
def test_a_token_in_an_address_is_refused(far: Pages, address: str, name: str) -> None:
    answer = far.client.get(f"{address}?{name}={TOKEN}", headers=BEARER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "token_in_url")
    assert TOKEN not in answer.text


def test_every_page_forbids_itself_scripts_frames_and_strangers(local: Pages) -> None:
    for address in ("/", "/nothing", "/drills/nothing"):
        headers = local.client.get(address, headers={"Accept": "text/html"}).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_a_session_ends_with_its_time_and_with_its_token() -> None:
    cookie = f"other=1; {COOKIE}={new_session(TOKEN, NOW)}"
    assert is_session(cookie, TOKEN, NOW)
    assert not is_session(cookie, TOKEN, NOW + timedelta(seconds=SESSION_SECONDS))
    assert not is_session(cookie, "another", NOW)


def test_a_session_is_found_behind_whatever_else_a_cookie_header_holds() -> None:
    """By splitting alone: what makes sense of quotes and of escapes takes half a second for 16 kB of them."""
    others = ("=", "{}", 'x="' + "\\1" * 8000, "a,b=1", COOKIE + "x=1")
    assert is_session(f"{';'.join(others)};{COOKIE}={new_session(TOKEN, NOW)}", TOKEN, NOW)


@given(st.text(max_size=60))
def test_no_invented_cookie_is_a_session(text: str) -> None:
    assert not is_session(text, TOKEN, NOW)
    assert not is_session(f"{COOKIE}={text}", TOKEN, NOW)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.9.9.9:1", "[::1]:8000", "localhost."])
def test_these_are_names_of_this_machine(host: str) -> None:
    assert is_local_name(host)


def test_a_user_before_a_name_of_this_machine_is_refused() -> None:
    assert not any(is_local_name(host) for host in ("evil.example:80@localhost", "@127.0.0.1", "localhost@localhost"))


@given(st.text(max_size=40))
def test_any_other_is_not(host: str) -> None:
    assert not is_local_name(f"{host}.example")


def test_only_the_loopback_is_loopback() -> None:
    assert [is_loopback(one) for one in ("127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.1", "x")] == [True, True, False, False, False, False]
