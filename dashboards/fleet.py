"""The fleet, on one page: what is proven now, what needs somebody, where it goes. Made for up to some thousand workloads."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import frame, panels, promql
from dashboards.panels import Asked, Column, Said
from dashboards.promql import FAILED, NEVER, PLACE, PROVEN, RPO, RTO, STALE, UNTOLD, WORKLOAD, counted, of_place, of_workload, owned

_OPENS = ("open the workload", frame.of_workload("__data.fields.workload"))
_OPENS_SERIES = ("open the workload", frame.of_workload("__field.labels.workload"))
_MOST = 10
_UNDRILLED = "never drilled"


def fleet() -> dashboard.Dashboard:
    return frame.framed(
        frame.FLEET,
        "restore-tester: fleet",
        "Which workloads can be brought back, as drills have shown; made by python -m dashboards.",
        (
            *frame.installations(),
            frame.chosen("owner", "Owner", f"label_values({promql.fleet('workload_info')}, owner)"),
            frame.chosen("workload", "Workload", f"label_values({promql.fleet('workload_info', promql.OWNER)}, workload)"),
        ),
        (
            frame.Row("What is proven now", _proven_now()),
            frame.Row("Against the objectives", _objectives()),
            frame.Row("How it went", _course()),
            frame.Row("What comes", _what_comes()),
            frame.Row("All workloads", (_workloads("All workloads", "", ""),), folded=True),
            frame.Row("The service itself", _service(), folded=True),
        ),
    )


def _proven_now() -> tuple[Builder[dashboard.Panel], ...]:
    workloads = of_workload("workload_info")
    best = promql.best_state()

    def count(title: str, about: str, expression: str, steps: panels.Steps = panels.NONE_BETTER) -> stat.Panel:
        return panels.figure(Said(title, about, width=3, height=4), Asked(counted(owned(expression))), steps)

    proven_now = f"({best} == {PROVEN})"
    proven = f"({counted(owned(proven_now))}) / count({owned(workloads)})"
    beyond = f"({promql.exposure()} > {of_workload(RPO)})"
    drifting = " or ".join(of_place(f"{name}_drift") + " == 1" for name in ("recovery_time", "recovery_point_lag", "achieved_rpo"))
    return (
        panels.figure(Said("Workloads", "Workloads that are configured.", width=3, height=4), Asked(f"count({owned(workloads)})")),
        panels.figure(
            Said(
                "Proven",
                "Share of workloads with a location whose last drill passed, lately enough. The rest is not known to be recoverable.",
                panels.SHARE,
                3,
                4,
            ),
            Asked(proven),
            ((None, panels.RED), (0.9, panels.YELLOW), (1, panels.GREEN)),
        ),
        count("Failing", "Locations whose last drill failed.", f"({promql.state()} == {FAILED})", panels.GOOD_IS_NONE),
        count("Never proven", "Locations where no drill has passed yet.", f"({promql.state()} == {NEVER})"),
        count("Proof is old", "Locations whose last passed drill began more than two intervals ago.", f"({promql.state()} == {STALE})"),
        count("Could not tell", "Locations whose last drill was inconclusive: not the backup's fault.", f"({promql.state()} == {UNTOLD})"),
        count("Exposed", "Workloads where a loss now would cost more than the recovery point objective.", beyond, panels.GOOD_IS_NONE),
        count("Drifting", "Locations where recovery time, recovery point lag or achieved RPO drifts or creeps upwards.", f"({drifting})"),
        _workloads(
            "What needs somebody",
            "Workloads of which some location is not proven, or that a loss now would cost more than agreed. Empty: nothing to do. ",
            f" and on ({WORKLOAD}) {promql.needs_somebody()}",
        ),
    )


def _workloads(title: str, about: str, narrowed: str) -> table.Panel:
    """A line for each workload, the worst first."""

    def column(name: str, expression: str, unit: str = panels.COUNT, *, states: bool = False, steps: panels.Steps = ()) -> Column:
        return Column(name, owned(expression) + narrowed, unit, steps=steps, states=states)

    since = f"time() - max by ({WORKLOAD}) ({promql.selected('last_passed_drill_timestamp_seconds')})"
    return panels.rows(
        Said(
            title,
            about + "“At best” is the location that is best proven, from which you would recover; “at worst” the one to look after.",
            width=24,
            height=9,
        ),
        (
            column("at best", promql.best_state(), states=True),
            column("at worst", promql.worst_state(), states=True),
            column("lost, if now", promql.exposure(), panels.SECONDS),
            column("of the RPO", f"{promql.exposure()} / {of_workload(RPO)}", panels.SHARE, steps=panels.BELOW_ONE),
            column("back in (slowest)", of_workload("recovery_time_seconds"), panels.SECONDS),
            column("of the RTO", promql.share(of_workload("recovery_time_seconds"), RTO), panels.SHARE, steps=panels.BELOW_ONE),
            column("since proof", since, panels.SECONDS),
            column("", of_workload("workload_info", "owner, criticality, mode")),
        ),
        ("cluster", "namespace", "workload", "owner", "criticality", "mode"),
        "at best",
        {"workload": _OPENS},
    )


def _objectives() -> tuple[Builder[dashboard.Panel], ...]:
    recovery = owned(promql.share(of_workload("recovery_time_seconds"), RTO))
    exposed = owned(f"{promql.exposure()} / {of_workload(RPO)}")

    def spread(title: str, about: str, shares: str, objective: str) -> timeseries.Panel:
        return panels.lines(
            Said(title, about, panels.SHARE),
            Asked(f"max({shares})", "worst workload"),
            Asked(f"quantile(0.9, {shares})", "nine in ten are below"),
            Asked(f"quantile(0.5, {shares})", "half are below"),
            Asked(f"1 + 0 * count({of_workload(objective)})", panels.OBJECTIVE),
        )

    def most(title: str, about: str, shares: str) -> bargauge.Panel:
        said = Said(title, about, panels.SHARE)
        return panels.ranking(said, Asked(f"sort_desc(topk({_MOST}, {shares}))", "{{workload}}"), panels.BELOW_ONE, _OPENS_SERIES)

    return (
        spread(
            "Recovery time against the RTO", "Measured recovery time as a share of its objective; at 100 % it is missed.", recovery, RTO
        ),
        spread("Data loss against the RPO", "What a loss at that instant would have cost, as a share of its objective.", exposed, RPO),
        most("Nearest to their RTO", f"The {_MOST} workloads that take the most of their recovery time objective.", recovery),
        most("Nearest to their RPO", f"The {_MOST} workloads that would lose the most of their recovery point objective now.", exposed),
    )


def _course() -> tuple[Builder[dashboard.Panel], ...]:
    verdicts = owned(of_place("last_drill_verdict", "verdict"))
    undrilled = counted(owned(f"({of_place('drill_interval_seconds')} unless on ({PLACE}) {promql.selected('last_drill_verdict')})"))
    states = panels.lines(
        Said("Locations by their last drill", "How many locations passed their last drill, and how many did not or have had none."),
        Asked(f"count by (verdict) ({verdicts})", "{{verdict}}"),
        Asked(undrilled, _UNDRILLED),
    ).override_by_name(_UNDRILLED, panels.colored("dark-orange"))
    for verdict, color in panels.VERDICTS.items():
        states = states.override_by_name(verdict, panels.colored(color))
    drills = f"sum by (verdict) (round(max by ({PLACE}, verdict) (increase({promql.selected('drills_total')}[$__rate_interval]))))"
    ended = panels.lines(
        Said("Drills", "Drills that ended, by verdict; in each bar those of an hour, or of more where the time chosen is long."),
        Asked(drills, "{{verdict}}"),
    ).interval("1h")
    for verdict, color in panels.VERDICTS.items():
        ended = ended.override_by_name(verdict, panels.colored(color))
    return panels.stacked(states), panels.stacked(ended, bars=True)


def _what_comes() -> tuple[Builder[dashboard.Panel], ...]:
    breach = of_place("recovery_time_breach_timestamp_seconds")
    keys, links = ("cluster", "namespace", "workload", "location"), {"workload": _OPENS}

    def drift(name: str, called: str) -> str:
        above = of_place(f"{name}_seconds") + " / " + of_place(f"{name}_baseline_seconds") + " - 1"
        drifts = of_place(f"{name}_drift") + " == 1"
        return owned(promql.labelled(f"({above} and on ({PLACE}) {drifts})", "quantity", called))

    quantities = {"recovery_time": "recovery time", "recovery_point_lag": "recovery point lag", "achieved_rpo": "achieved RPO"}
    drifting = " or ".join(f"({drift(name, called)})" for name, called in quantities.items())
    # In full, the listing's own reason says more.
    failed = f"(1 - {of_place('listing_success')} > 0 unless on ({PLACE}) {promql.selected('catalogue_finding')})"
    unlisted = promql.labelled(failed, "code", "listing failed")
    overdue = f"(time() - {of_place('next_backup_due_timestamp_seconds')} > 0)"
    late = promql.labelled(f"(1 + 0 * {overdue})", "code", "backups_stopped")
    found = f"({of_place('catalogue_finding', 'code')} or {unlisted} or {late})"
    return (
        panels.rows(
            Said(
                "RTO will be missed",
                "When the recovery time will reach its objective should it grow on as it does; forecast where it grows.",
            ),
            (
                Column("expected", owned(f"1000 * {breach}"), panels.INSTANT),
                Column("in", owned(f"({breach} - time())"), panels.SECONDS),
            ),
            keys,
            "expected",
            links,
        ).sort_by([common.TableSortByFieldState().display_name("expected").desc(False)]),
        panels.rows(
            Said("Drifting", "How far above its usual value each quantity is that drifts or creeps upwards.", panels.SHARE),
            (Column("above the usual", drifting, panels.SHARE),),
            (*keys, "quantity"),
            "above the usual",
            links,
        ),
        panels.ranking(
            Said("Why drills did not pass", "Reasons of the last drills, and how many locations have each. docs/reasons.md explains them."),
            Asked(f"sort_desc(count by (code) ({owned(of_place('last_drill_reason', 'code'))}))", "{{code}}"),
            panels.NONE_BETTER,
        ),
        panels.rows(
            Said(
                "What the listings show",
                "Backups that stopped coming, shrank or are gone, and listings that failed, by reason: docs/reasons.md.",
            ),
            (Column("", owned(found)),),
            (*keys, "code"),
            "code",
            links,
        ),
    )


def _service() -> tuple[Builder[dashboard.Panel], ...]:
    build = promql.fleet("build_info")

    def of_process(metric: str) -> str:
        return f"{metric}{{{promql.CHOSEN}}} and on (cluster, namespace, job, instance) {build}"

    def small(title: str, about: str, expression: str, steps: panels.Steps = panels.PLAIN, unit: str = panels.COUNT) -> stat.Panel:
        return panels.figure(Said(title, about, unit, width=4, height=4), Asked(expression), steps)

    failed_messages = f"sum(round(increase({promql.fleet('notifications_failed_total')}[$__rate_interval])))"
    return (
        small("Replicas", "Services that were scraped.", f"count({build})"),
        small("Leaked sandboxes", "Sandboxes that could not be removed.", f"sum({promql.fleet('sandboxes_leaked')})", panels.GOOD_IS_NONE),
        small(
            "Configuration",
            "Whether every replica has read the configuration as it is now; else the one before it stays in force.",
            f"min({promql.fleet('config_reload_success')})",
            ((None, panels.RED), (1, panels.GREEN)),
        ).mappings(panels.mapped({0: ("a mistake in it", panels.RED), 1: ("in force", panels.GREEN)})),
        small(
            "Configuration read",
            "When the configuration in force was read.",
            f"1000 * min({promql.fleet('config_reload_timestamp_seconds')})",
        ).unit(panels.FROM_NOW),
        small(
            "History read", "When all was last read from the history.", f"1000 * min({promql.fleet('history_loaded_timestamp_seconds')})"
        ).unit(panels.FROM_NOW),
        small(
            "Detail",
            "How much is told of each location: full, or lean above 5 000 locations.",
            f"count by (detail) ({promql.fleet('metrics_detail_info')})",
        ).text_mode(shapes.BigValueTextMode.NAME),
        panels.lines(
            Said("Drills under way", "Drills that run, and that are due and wait, in all replicas."),
            Asked(f"sum({promql.fleet('drills_running')})", "running"),
            Asked(f"sum({promql.fleet('drills_queued')})", "waiting"),
        ),
        _durations(),
        panels.lines(Said("Messages not delivered", "Notifications that could not be delivered."), Asked(failed_messages, "not delivered")),
        panels.lines(
            Said("Memory", "What each replica takes, restored servers not counted.", panels.SIZE),
            Asked(of_process("process_resident_memory_bytes"), "{{instance}}"),
        ),
    )


def _durations() -> heatmap.Panel:
    """Where exemplars are kept, a point on it names the drill behind it."""
    said = Said("How long drills take", "Start to end, in all replicas alike: they tell the same history.", panels.SECONDS)
    buckets = f"max by (le, {promql.INSTALLATION}) (increase({promql.fleet('drill_duration_seconds_bucket')}[$__rate_interval]))"
    query = panels.course(Asked(f"sum by (le) ({buckets})", "{{le}}"), "A").format(PromQueryFormat.HEATMAP).exemplar(True)
    panel = heatmap.Panel().title(said.title).description(said.about).datasource(panels.SOURCE).unit(panels.COUNT).span(said.width)
    panel = panel.height(said.height).interval("1h").with_target(query).show_value(shapes.VisibilityMode.AUTO)
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    return (
        panel.calculate(False)
        .color(color)
        .rows_frame(heatmap.RowsHeatmapOptions().layout(shapes.HeatmapCellLayout.AUTO))
        .y_axis(heatmap.YAxisConfig().unit(panels.SECONDS))
    )
