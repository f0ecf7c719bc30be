"""One workload: could it be brought back now, how fast, losing how much; its locations side by side; what drifts; its drills."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard

from dashboards import frame, panels, promql
from dashboards.panels import Asked, Column, Said
from dashboards.promql import PLACE, RPO, RTO, WORKLOAD, of_place, of_workload

# The order in which stages of a drill begin.
STAGES = ("queue", "provision", "fetch", "decode", "restore", "replay", "ready", "analyze", "gate", "check", "cleanup")
LEVELS = ("inventory", "bytes", "structure", "restored", "complete", "intact", "fresh", "usable")
_PLACE_AND = "workload=${workload}&location=${__data.fields.location}"
# The service leads from what metrics can tell of a drill, its place and its end, to the drill's page: no metric has its id.
_THE_DRILL = ("open the drill", f"${{pages}}/drills/find?{_PLACE_AND}&ended_ms=${{__value.raw}}")
_LAST_DRILL = ("open the last drill", f"${{pages}}/drills/find?{_PLACE_AND}")
_ROWS = ("cluster", "namespace", "location")


def workload() -> dashboard.Dashboard:
    info = promql.fleet("workload_info")
    locations = promql.fleet("drill_interval_seconds", 'workload=~"$workload"')
    return frame.framed(
        frame.WORKLOAD,
        "restore-tester: one workload",
        "Whether this workload can be brought back, how fast and losing how much; made by python -m dashboards.",
        (
            *frame.installations(),
            frame.one_of("workload", "Workload", f"label_values({info}, workload)"),
            frame.chosen("location", "Location", f"label_values({locations}, location)"),
        ),
        (
            frame.Row("If it were lost now", _now()),
            frame.Row("Against the objectives", _objectives()),
            frame.Row("Locations side by side", _locations()),
            frame.Row("What is usual at $location", _usual(), repeat="location"),
            frame.Row("Drills", _drills()),
        ),
    )


def _place(metric: str, more: str = "", labels: str = "") -> str:
    return of_place(metric, more, labels, location=True)


def _now() -> tuple[Builder[dashboard.Panel], ...]:
    recovery, exposure = of_workload("recovery_time_seconds"), promql.exposure()
    since = f"time() - max by ({WORKLOAD}) ({promql.selected('last_passed_drill_timestamp_seconds')})"
    good, breach = of_workload("last_known_good_timestamp_seconds"), promql.selected("recovery_time_breach_timestamp_seconds")

    def figure(title: str, about: str, expression: str, unit: str, steps: panels.Steps = panels.PLAIN) -> stat.Panel:
        return panels.figure(Said(title, about, unit, width=4, height=4), Asked(expression), steps)

    levels = {float(level): (f"{level}: {name}", panels.GREY) for level, name in enumerate(LEVELS)}
    return (
        panels.named(
            figure("Proven", "By its best location, from which you would recover.", promql.best_state(), panels.COUNT), panels.STATES
        ),
        figure("Lost", "What was written since the newest recovery point that a location can give back.", exposure, panels.SECONDS),
        figure(
            "of the RPO", "That loss as a share of what may be lost.", f"{exposure} / {of_workload(RPO)}", panels.SHARE, panels.BELOW_ONE
        ),
        figure("Back in", "Measured recovery time of the newest backup, at the slowest location.", recovery, panels.SECONDS),
        figure("of the RTO", "That time as a share of what it may take.", promql.share(recovery, RTO), panels.SHARE, panels.BELOW_ONE),
        figure("Proof level", "How far the last drill of a newest backup went, 0 to 7.", of_workload("proof_level"), panels.COUNT).mappings(
            panels.mapped(levels)
        ),
        figure("Since proof", "Since the last drill began that passed, at any location.", since, panels.SECONDS),
        figure("Youngest known good", "When the youngest backup was taken that a drill proved intact.", f"1000 * {good}", panels.FROM_NOW),
        figure("Next drill", "When it is due.", f"1000 * {of_workload('next_drill_timestamp_seconds')}", panels.FROM_NOW).no_value(
            "paused"
        ),
        figure(
            "RTO will be missed",
            "Should recovery time grow on as it does: the soonest location.",
            f"1000 * min by ({WORKLOAD}) ({breach})",
            panels.FROM_NOW,
        ).no_value("not within a year"),
        figure(
            "Paused", "Whether drills are paused.", f"{of_workload('paused')} or 0 * {of_workload('workload_info')}", panels.COUNT
        ).mappings(panels.mapped({0: ("no", panels.GREY), 1: ("paused", panels.ORANGE)})),
        figure("Owner", "Whom to ask; criticality and mode.", of_workload("workload_info", "owner, criticality, mode"), panels.COUNT)
        .text_mode(shapes.BigValueTextMode.NAME)
        .display_name("${__field.labels.owner}, ${__field.labels.criticality}, ${__field.labels.mode}"),
    )


def _objectives() -> tuple[Builder[dashboard.Panel], ...]:
    return (
        panels.lines(
            Said(
                "Recovery time against the RTO",
                "As measured by drills of the newest backup, each value until the next drill.",
                panels.SECONDS,
            ),
            Asked(_place("recovery_time_seconds"), "{{location}}"),
            Asked(of_workload(RTO), panels.OBJECTIVE),
        ),
        panels.lines(
            Said(
                "Data loss against the RPO",
                "Measured: what a loss when the last drill began would have cost. If now: what it would cost at each instant, from the "
                "listings.",
                panels.SECONDS,
            ),
            Asked(_place("data_loss_seconds"), "measured, {{location}}"),
            Asked(f"time() - {_place('estimated_recovery_point_timestamp_seconds')}", "if now, {{location}}"),
            Asked(of_workload(RPO), panels.OBJECTIVE),
        ).override_by_regexp("/^if now/", panels.drawn(dashed=False, width=1)),
        panels.states_over_time(
            Said("State of each location", "Proven, or why not, over time.", width=24, height=5),
            Asked(promql.state(location=True), "{{location}}"),
        ),
    )


def _locations() -> tuple[Builder[dashboard.Panel], ...]:
    reasons = {"last_drill_reason": "the last drill", "catalogue_finding": "the listings", "drill_refused": "the next drill"}
    return (
        panels.rows(
            Said(
                "Locations",
                "A line for each location where backups of this workload lie. The state opens its last drill.",
                width=24,
                height=7,
            ),
            (
                Column("state", promql.state(location=True), states=True, link=_LAST_DRILL),
                Column("since proof", f"time() - {_place('last_passed_drill_timestamp_seconds')}", panels.SECONDS),
                Column("lost, if now", f"time() - {_place('estimated_recovery_point_timestamp_seconds')}", panels.SECONDS),
                Column("measured loss", _place("data_loss_seconds"), panels.SECONDS),
                Column("back in", _place("recovery_time_seconds"), panels.SECONDS),
                Column("then verified in", _place("verification_seconds"), panels.SECONDS),
                Column("proof level", _place("proof_level")),
                Column("checks unanswered", _place("checks_errored"), steps=panels.NONE_BETTER),
                Column("worst of 30 days", _place("worst_case_data_loss_seconds"), panels.SECONDS),
                Column("last drill", f"1000 * {_place('last_drill_timestamp_seconds')}", panels.FROM_NOW, link=_THE_DRILL),
                Column("backups", _place("backups")),
                Column("newest backup", f"1000 * {_place('newest_backup_timestamp_seconds')}", panels.FROM_NOW),
                Column("its size", _place("newest_backup_size_bytes"), panels.SIZE),
                Column("next is due", f"1000 * {_place('next_backup_due_timestamp_seconds')}", panels.FROM_NOW),
                Column("proven point", f"1000 * {_place('recovery_point_timestamp_seconds')}", panels.FROM_NOW),
            ),
            _ROWS,
            "state",
            {},
        ),
        panels.rows(
            Said("What checks found", "Problems that checks of the last drill found. Empty: none.", height=6),
            (Column("problems", _place("check_problems", "check, severity"), steps=panels.NONE_BETTER, link=_LAST_DRILL),),
            (*_ROWS, "check", "severity"),
            "problems",
            {},
        ),
        panels.rows(
            Said(
                "Reasons",
                "Why the last drill did not pass, what the listings show, and why a due drill is refused. Empty: nothing.",
                height=6,
            ),
            (Column("", " or ".join(promql.labelled(_place(metric, "code"), "of", of) for metric, of in reasons.items())),),
            (*_ROWS, "of", "code"),
            "of",
            {"code": _LAST_DRILL},
        ),
    )


def _usual() -> tuple[Builder[dashboard.Panel], ...]:
    def band(title: str, name: str, about: str, objective: str = "") -> timeseries.Panel:
        asked = [
            Asked(_place(f"{name}_seconds"), "measured"),
            Asked(_place(f"{name}_baseline_seconds"), "usual"),
            Asked(_place(f"{name}_upper_seconds"), "upper edge of the usual"),
        ]
        if objective:
            asked.append(Asked(of_workload(objective), panels.OBJECTIVE))
        made = panels.lines(
            Said(title, f"{about} Above the band it drifts; the band is absent while too few were compared.", panels.SECONDS, 8), *asked
        )
        filled = dashboard.DynamicConfigValue(id_val="custom.fillBelowTo", value="usual")
        faint = [filled, dashboard.DynamicConfigValue(id_val="custom.fillOpacity", value=20), *panels.colored("blue")]
        made = made.override_by_name("upper edge of the usual", [*faint, *panels.drawn(dashed=False, width=0)])
        return made.override_by_name("usual", [*panels.colored("blue"), *panels.drawn(dashed=False, width=1)])

    named = {stage: f'stage="{stage}"' for stage in STAGES}
    order = " or ".join(f"{at} + 0 * {_place('stage_seconds', 'stage', named[stage])}" for at, stage in enumerate(STAGES))
    stages = panels.rows(
        Said(
            "Stages of the last drill",
            "How long each took, in the order in which they begin. Stages may overlap, so they do not add up to the recovery time; the "
            "drill's page draws when each began. Told with `stage_metrics: true`, in `metrics: full`.",
            panels.SECONDS,
        ),
        (Column("took", _place("stage_seconds", "stage"), panels.SECONDS), Column("#", order)),
        (*_ROWS, "stage"),
        "#",
        {},
    ).no_value("no stages: set stage_metrics: true")
    stages = stages.sort_by([common.TableSortByFieldState().display_name("#").desc(False)])
    bars = dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"})
    stages = stages.override_by_name("took", [bars, dashboard.DynamicConfigValue(id_val="min", value=0)])
    over_time = panels.lines(
        Said("Stages over time", "How long each stage took. Told with `stage_metrics: true`, in `metrics: full`.", panels.SECONDS),
        Asked(_place("stage_seconds", "stage"), "{{stage}}"),
    )
    return (
        band("Recovery time", "recovery_time", "Measured by drills of the newest backup.", RTO),
        band("Recovery point lag", "recovery_point_lag", "From a backup's recovery point to its being usable."),
        band("Achieved RPO", "achieved_rpo", "The most that could have been lost until the newest backup became usable.", RPO),
        stages,
        over_time,
    )


def _drills() -> tuple[Builder[dashboard.Panel], ...]:
    verdicts = _place("last_drill_verdict", "verdict")
    ended = f"1000 * {_place('last_drill_timestamp_seconds')} * on ({PLACE}) group_right () {verdicts}"
    counter = promql.selected("drills_total", location=True)
    total = f"sum by (verdict) (round(max by ({PLACE}, verdict) (increase({counter}[$__rate_interval]))))"
    counted = panels.lines(
        Said("Drills by verdict", "Drills that ended; in each bar those of a day at least."), Asked(total, "{{verdict}}")
    )
    for verdict, color in panels.VERDICTS.items():
        counted = counted.override_by_name(verdict, panels.colored(color))
    return (
        panels.events(
            Said(
                "Drills",
                "Drills in the time chosen, the newest first; a click opens the drill's page. Of drills that end within one step of the "
                "time chosen the last is shown; the pages have them all.",
            ),
            Asked(ended),
            "ended",
            ("location", "verdict"),
            _THE_DRILL,
        ),
        panels.stacked(counted.interval("1d"), bars=True),
    )
