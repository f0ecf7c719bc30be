"""A configuration file → the frozen configuration, or every mistake in it at once, each with its place."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from restore_tester.config.loading import ConfigurationRefused, Loaded, examine, load
from restore_tester.config.nouns import Configuration, Mode, Strategy
from restore_tester.config.secrets import Secret
from restore_tester.errors import Misuse
from restore_tester.model import Heartbeat, Objectives, Profile, Severity

SMALLEST = """\
workloads:
  orders:
    owner: payments-sre
    locations:
      primary: {type: folder, path: backups, name: "orders-{taken_at:%Y}.dump"}
"""


def no_trouble(pattern: str) -> str | None:
    return None


def written(folder: Path, text: str, name: str = "restore-tester.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def loaded(folder: Path, text: str) -> Configuration:
    return load(written(folder, text), no_trouble)


def examined(folder: Path, text: str, today: date | None = None) -> Loaded:
    return examine(written(folder, text), no_trouble, today)


def places(found: Loaded) -> list[tuple[int, int, str]]:
    return [(mistake.line, mistake.column, mistake.message) for mistake in found.mistakes]


def only(found: Loaded) -> str:
    (mistake,) = found.mistakes
    return f"{mistake.line}:{mistake.column} {mistake.message} | {mistake.hint}"


def test_the_smallest_configuration_gets_every_default(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SMALLEST)
    (orders,) = configuration.workloads
    assert (configuration.sandbox, configuration.concurrency, configuration.settle_seconds) == ("auto", 2, 3600.0)
    assert configuration.history == f"sqlite:///{tmp_path}/restore-tester.db"
    assert (configuration.mode, configuration.allow_python_checks, configuration.open_pages) == (Mode.PAGE, False, False)
    assert (orders.criticality, orders.objectives) == ("essential", Objectives(8 * 3600.0, 4 * 3600.0))
    assert (orders.select, orders.profile, orders.timezone, orders.mode) == (Strategy.ROTATING, Profile.FAITHFUL, "UTC", Mode.PAGE)
    assert (orders.engine, orders.heartbeat, orders.schedule, orders.drill_every_seconds) == (None, None, None, 7 * 86400.0)


def test_locations_become_what_their_source_reads(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + "      offsite: {type: s3, bucket: dr, prefix: o/, name: 'n', timezone: Europe/Berlin, "
        + "access_key: {env: A}, secret_key: {file: s}}\n"
    )
    primary, offsite = loaded(tmp_path, "settle: 2h\n" + text).workloads[0].locations
    assert (primary.name, primary.type, primary.uri) == ("primary", "folder", (tmp_path / "backups").as_uri())
    assert dict(primary.options) == {"name": "orders-{taken_at:%Y}.dump", "timezone": "UTC", "settle_seconds": "7200"}
    assert (offsite.name, offsite.type, offsite.uri) == ("offsite", "s3", "s3://dr/o/")
    assert dict(offsite.options)["access_key"] == "env:A"
    assert dict(offsite.options)["secret_key"] == f"file:{tmp_path}/s"


def test_a_workload_overrides_its_criticality(tmp_path: Path) -> None:
    text = "criticality: {gold: {rto: 1h, rpo: 15m, drill_every: 1d}}\n" + SMALLEST + "    criticality: gold\n    rto: 45m\n"
    (orders,) = loaded(tmp_path, text).workloads
    assert orders.objectives == Objectives(2700.0, 900.0)
    assert orders.drill_every_seconds == 86400.0


def test_a_shipped_criticality_is_changed_key_by_key(tmp_path: Path) -> None:
    (orders,) = loaded(tmp_path, "criticality: {essential: {rpo: 1h}}\n" + SMALLEST).workloads
    assert orders.objectives == Objectives(8 * 3600.0, 3600.0)


def test_a_schedule_says_how_far_apart_drills_lie_at_most(tmp_path: Path) -> None:
    (orders,) = loaded(tmp_path, SMALLEST + '    schedule: "0 3 * * 1-5"\n    timezone: Europe/Berlin\n').workloads
    assert (orders.schedule, orders.drill_every_seconds, orders.timezone) == ("0 3 * * 1-5", 3 * 86400.0, "Europe/Berlin")


def test_heartbeat_settings_and_overrides_are_values(tmp_path: Path) -> None:
    more = """\
    recovery_point: select max(beat_at) from heartbeat
    heartbeat_tolerance: 1m
    settings: {fsync: off, max_connections: 0100, shared_buffers: 4GB}
    recovery_environment: {cpus: 4, memory: 8GiB}
    check_overrides: {sequences: {severity: warning, except: [public.legacy], reason: "legacy ids", until: 2027-01-31}}
"""
    (orders,) = loaded(tmp_path, SMALLEST + more).workloads
    assert orders.heartbeat == Heartbeat("select max(beat_at) from heartbeat", 60.0)
    assert orders.settings == (("fsync", "off"), ("max_connections", "0100"), ("shared_buffers", "4GB"))
    assert orders.recovery_environment is not None
    assert (orders.recovery_environment.cpus, orders.recovery_environment.memory_bytes) == (4.0, 8 << 30)
    (override,) = orders.check_overrides
    assert (override.check, override.severity, override.excepted) == ("sequences", Severity.WARNING, ("public.legacy",))
    assert override.in_force(date(2027, 1, 31))
    assert not override.in_force(date(2027, 2, 1))


def test_anchors_and_merge_keys_spare_repetition(tmp_path: Path) -> None:
    text = SMALLEST.replace("  orders:\n", "  orders: &usual\n") + "  customers:\n    <<: *usual\n    owner: crm\n"
    orders, customers = loaded(tmp_path, text).workloads
    assert (orders.owner, customers.owner) == ("payments-sre", "crm")
    assert customers.locations == orders.locations


# --- several files ----------------------------------------------------------------------------------------------------


def test_included_files_add_workloads_with_paths_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "conf.d" / "questions").mkdir(parents=True)
    written(tmp_path, SMALLEST.replace("orders:", "customers:") + "    checks: [questions]\n", "conf.d/customers.yaml")
    orders, customers = loaded(tmp_path, "include: [conf.d/*.yaml]\n" + SMALLEST).workloads
    assert (orders.name, customers.name) == ("orders", "customers")
    assert customers.checks == (str(tmp_path / "conf.d" / "questions"),)
    assert customers.locations[0].uri == (tmp_path / "conf.d" / "backups").as_uri()


def test_a_workload_that_stands_in_two_files_is_refused(tmp_path: Path) -> None:
    written(tmp_path, SMALLEST, "conf.d/again.yaml")
    (mistake,) = examined(tmp_path, "include: [conf.d/*.yaml]\n" + SMALLEST).mistakes
    assert (mistake.file, mistake.line) == (str(tmp_path / "conf.d/again.yaml"), 2)
    assert f"({tmp_path}/restore-tester.yaml:3)" in mistake.message


def test_an_included_file_that_is_broken_does_not_hide_mistakes_elsewhere(tmp_path: Path) -> None:
    written(tmp_path, "workloads: {a: [", "conf.d/broken.yaml")
    found = examined(tmp_path, "include: [conf.d/*.yaml]\n" + SMALLEST + "    shedule: x\n    depends_on: [a]\n")
    assert [Path(mistake.file).name for mistake in found.mistakes] == ["broken.yaml", "restore-tester.yaml"]


def test_what_belongs_to_the_fleet_is_refused_in_an_included_file(tmp_path: Path) -> None:
    written(tmp_path, "history: sqlite:///other.db\n" + SMALLEST.replace("orders:", "b:"), "b.yaml")
    assert "belongs into the main file" in only(examined(tmp_path, "include: [b.yaml]\n" + SMALLEST))


def test_an_include_that_names_no_file_is_a_mistake_and_an_empty_pattern_a_warning(tmp_path: Path) -> None:
    found = examined(tmp_path, "include: [gone.yaml, conf.d/*.yaml]\n" + SMALLEST)
    assert [(one.line, one.column) for one in found.mistakes] == [(1, 11)]
    assert [(one.line, one.column) for one in found.warnings] == [(1, 22)]


# --- mistakes ---------------------------------------------------------------------------------------------------------

TEN_MISTAKES = """\
histroy: sqlite:///a.db
concurrency: many
workloads:
  orders:
    criticality: mision-critical
    locations:
      primary: {type: folder, path: backups, nmae: x}
    rto: 45
    schedule: "0 25 * * *"
    drill_every: 1d
    select: newst
  customers:
    owner: crm
    locations:
      primary: {type: gopher}
    depends_on: [order]
"""


def test_ten_mistakes_are_reported_at_once_each_with_its_line_and_column(tmp_path: Path) -> None:
    assert places(examined(tmp_path, TEN_MISTAKES)) == [
        (1, 1, "there is no such key here: `histroy`"),
        (2, 14, "this must be a whole number"),
        (4, 3, "`owner` is missing"),
        (5, 18, "there is no such criticality: `mision-critical`"),
        (7, 46, "there is no such key here: `nmae`"),
        (8, 10, "this is no duration"),
        (9, 15, "one field cannot be read: hour"),
        (10, 5, "`schedule` and `drill_every` exclude each other"),
        (11, 13, "this is not one of the words allowed here"),
        (15, 23, "there is no such type of location"),
        (16, 18, "there is no such workload: `order`"),
    ]


def test_an_unknown_key_brings_the_nearest_one_to_mind(tmp_path: Path) -> None:
    hints = {mistake.message: mistake.hint for mistake in examined(tmp_path, TEN_MISTAKES).mistakes}
    assert hints["there is no such key here: `histroy`"] == "did you mean `history`?"
    assert hints["there is no such key here: `nmae`"] == "did you mean `name`?"
    assert hints["there is no such criticality: `mision-critical`"] == "did you mean `mission-critical`?"
    assert hints["there is no such workload: `order`"] == "did you mean `orders`?"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    owner: again", "6:5 this key is written twice (first on line 3)"),
        ("    timezone: Europe/Atlantis", "6:15 there is no such time zone"),
        ("    timezone: ../../etc/passwd", "6:15 there is no such time zone"),
        ("    schedule: '0 0 31 2 *'", "6:15 one field cannot be read"),
        ("    schedule: '@daily'", "6:15 a schedule has five fields"),
        ("    schedule: '0 0 3 * * *'", "6:15 a schedule has five fields"),
        ("    rto: 0h", "6:10 this must be more than nothing"),
        ("    rpo: -5m", "6:10 this is no duration"),
        ("    rto: 9999d", "6:10 this is longer than ten years"),
        ("    engine: oracle", "6:13 this version restores no such engine: `oracle`"),
        ("    depends_on: [orders]", "6:5 this goes in a circle: orders → orders"),
        ("    checks: [nowhere]", "6:14 there is no such folder of checks"),
        ("    checks: nowhere", "6:13 this must be a list"),
        ("    image: !!python/object:os.system x", "6:12 tags (`!…`) are not understood here"),
        ("    settings: {fsync: [off]}", "6:23 this must be text"),
        ("    settings: {fsync: }", "6:23 this must be text"),
        ("    recovery_environment: {memory: lots}", "6:36 this is no size"),
        ("    recovery_environment: {cpus: 0}", "6:34 this must be more than 0"),
        ("    check_overrides: {sequences: {severity: info, until: 2027-01-31}}", "6:23 `reason` is missing"),
        ("    check_overrides: {sequences: {severity: info, reason: x}}", "6:23 `until` is missing"),
        ("    check_overrides: {sequences: {reason: x, until: 2027-02-30}}", "6:53 this is no day of the calendar"),
        ("    heartbeat_tolerance: 5m", "6:5 there is no heartbeat that this could tolerate"),
        ("    image_is: production", "6:5 there is no `image` that this could speak of"),
        ("      second: {type: folder, path: backups/, name: 'orders-{taken_at:%Y}.dump'}", "6:7 this is the same place as `primary`"),
        ("      second: {type: folder, path: x/../backups/., name: 'orders-{taken_at:%Y}.dump'}", "6:7 this is the same place"),
        ("      offsite: {type: s3, bucket: b, access_key: {env: A}}", "6:38 half a key opens nothing"),
        ("      offsite: {type: s3, bucket: b, endpoint_url: minio}", "6:52 this is no address of a server"),
        ("  bad name: {owner: x, locations: {a: {type: folder, path: p}}}", "6:3 this cannot be a name"),
        ("  empty: {owner: x, locations: {}}", "6:32 there is none here"),
        ("  none:", "6:8 this must be a mapping"),
        ("history: mysql://h/d", "6:10 history is kept in SQLite or PostgreSQL"),
        ("allow_python_checks: perhaps", "6:22 this must be true or false"),
        ("concurrency: 0", "6:14 this must be at least 1"),
        ("criticality: {gold: {rto: 1h}}", "6:15 a new criticality lacks `rpo` and `drill_every`"),
        ("[a, b]: c", "6:1 a key must be text"),
        ("\tsandbox: auto", "6:1 not readable as YAML"),
        ("mode: *nobody", "6:7 not readable as YAML: this alias"),
        ("mode: &a page\nsandbox: &a auto", "7:10 not readable as YAML: this anchor"),
        ("--- {}", "6:1 not readable as YAML: a second document"),
        ("mode: page\x07", "1:1 not readable as YAML"),
    ],
)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, line: str, expected: str) -> None:
    found = examined(tmp_path, SMALLEST + line + "\n")
    first = found.mistakes[0]
    assert f"{first.line}:{first.column} {first.message}".startswith(expected)
    assert all(mistake.hint for mistake in found.mistakes)


@pytest.mark.parametrize(
    ("workloads", "place"),
    [
        (
            "  a: {owner: x, locations: &there {p: {type: folder, path: a}}}\n  b:\n    owner: x\n    rtoo: 1h\n    locations: *there\n",
            (5, 5),
        ),
        ("  a: {owner: x, rtoo: 1h, locations: {p: {type: folder, path: a}}}\n", (2, 17)),
        ("  a: &a {owner: x, locations: {p: {type: folder, path: a}}}\n  b:\n    <<: *a\n    rtoo: 1h\n", (5, 5)),
        ("  a:\n    owner: x\n    locations: {p: {type: folder, path: a}}\n\n    # last\n    rtoo: 1h\nmode: page\n", (7, 5)),
    ],
    ids=["an alias of another entry", "on one line", "merged from another entry", "the last entry"],
)
def test_a_mistake_in_one_workload_is_placed_whatever_the_workload_leans_on(tmp_path: Path, workloads: str, place: tuple[int, int]) -> None:
    found = examined(tmp_path, f"workloads:\n{workloads}")
    assert [place for *place, message in places(found) if "rtoo" in message] == [list(place)]


def test_a_name_pattern_is_judged_by_whoever_reads_names(tmp_path: Path) -> None:
    found = examine(written(tmp_path, SMALLEST), lambda pattern: f"the pattern {pattern} says no time")
    assert only(found).startswith("5:52 the pattern orders-{taken_at:%Y}.dump says no time")


def test_a_long_circle_of_dependencies_is_found(tmp_path: Path) -> None:
    names = [f"w{index}" for index in range(2000)]
    bodies = [
        f"  {name}: {{owner: x, depends_on: [{after}], locations: {{a: {{type: folder, path: {name}}}}}}}"
        for name, after in zip(names, [*names[1:], "w0"], strict=True)
    ]
    (mistake,) = examined(tmp_path, "workloads:\n" + "\n".join(bodies) + "\n").mistakes
    assert mistake.message.startswith("this goes in a circle: w0 → w1 → w2 → w3 → w4 → w5 → … → w0")


def test_an_override_that_ended_warns_and_refuses_nothing(tmp_path: Path) -> None:
    text = SMALLEST + '    check_overrides: {sequences: {reason: "legacy", until: 2026-01-31}}\n'
    found = examined(tmp_path, text, date(2026, 2, 1))
    assert (found.mistakes, found.configuration is not None) == ((), True)
    assert [(one.line, one.column) for one in found.warnings] == [(6, 60)]


def test_an_alias_that_is_wrong_is_reported_once(tmp_path: Path) -> None:
    text = "workloads:\n" + "".join(f"  w{n}: {'&w ' if not n else ''}{{onwer: x}}\n" if not n else f"  w{n}: *w\n" for n in range(3))
    unknown = [mistake for mistake in examined(tmp_path, text).mistakes if "onwer" in mistake.message]
    assert [(mistake.line, mistake.column) for mistake in unknown] == [(2, 11)]


# --- hostile files ----------------------------------------------------------------------------------------------------


def test_a_pipe_that_is_included_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "more.yaml")
    assert "it is no regular file" in only(examined(tmp_path, SMALLEST + "include: [more.yaml]\n"))


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    loaded = examined(tmp_path, "\n".join(lines))
    assert "aliases repeat more than 1000000 values" in only(loaded)
    assert "aliases" in loaded.mistakes[0].hint


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000, "? " * 200_000], ids=["flow", "mapping", "block", "keys"]
)
def test_nesting_without_end_is_refused(tmp_path: Path, text: str) -> None:
    assert "nested deeper than 40 levels" in only(examined(tmp_path, text))


def test_an_alias_to_what_contains_it_is_refused(tmp_path: Path) -> None:
    assert "this contains itself" in only(examined(tmp_path, "workloads: &w {a: *w}\n"))


def test_odd_but_lawful_yaml_is_read_and_its_mistakes_are_found(tmp_path: Path) -> None:
    text = "? &a mode\n: page\n? &b sandbox\n: auto\n? [x]\n: y\nworkloads: {x: {? &m '<<' : 1, *m : 2}}\n"
    messages = [mistake.message for mistake in examined(tmp_path, text).mistakes]
    assert "a key must be text" in messages
    assert "there is no such key here" in messages


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    assert "1:1 the file is empty" in only(examined(tmp_path, text))


def test_a_file_that_is_no_text_is_refused_at_its_first_wrong_byte(tmp_path: Path) -> None:
    file = tmp_path / "restore-tester.yaml"
    file.write_bytes(b"sandbox: auto\nmode: \xff\n")
    assert only(examine(file, no_trouble)).startswith("2:7 this is not UTF-8 text")


def test_a_configuration_without_workloads_is_refused(tmp_path: Path) -> None:
    assert "there are no workloads" in only(examined(tmp_path, "sandbox: auto\n"))


def test_a_configuration_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse) as raised:
        load(tmp_path / "gone.yaml", no_trouble)
    assert raised.value.reason.code == "configuration_missing"


def test_load_refuses_with_every_mistake_in_its_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused) as raised:
        loaded(tmp_path, TEN_MISTAKES)
    assert len(raised.value.mistakes) == 11
    assert "restore-tester.yaml:8:10: workloads.orders.rto: this is no duration" in str(raised.value)


def test_a_secret_says_where_it_is_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path, "history: {env: HISTORY_DSN}\n" + SMALLEST).history == Secret("env", "HISTORY_DSN")
