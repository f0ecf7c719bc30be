"""Names of metrics → PromQL: one value for each workload or location, whichever replica told it, of the installations that are looked at.

Only what the service itself tells is used, no recorded series: the dashboards show the same without the shipped rules.
"""

from __future__ import annotations

# What tells installations apart; a workload `orders` of another cluster is another workload.
INSTALLATION = "cluster, namespace, job"
WORKLOAD = f"{INSTALLATION}, workload"
PLACE = f"{WORKLOAD}, location"
OWNER = 'owner=~"$owner"'
CHOSEN = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"'

# States of a location by how much they ask of somebody; the best location of a workload has the lowest.
PROVEN, UNTOLD, STALE, NEVER, FAILED = 1, 2, 3, 4, 5


def fleet(metric: str, labels: str = "") -> str:
    """Return the selector of a metric that belongs to no workload."""
    return f"restore_tester_{metric}{{{_joined(CHOSEN, labels)}}}"


def selected(metric: str, labels: str = "", *, location: bool = False) -> str:
    """Return the selector of a metric of workloads, those that are chosen; `location`: of the locations that are chosen, too."""
    return fleet(metric, _joined('workload=~"$workload"', 'location=~"$location"' if location else "", labels))


def of_workload(metric: str, more: str = "", labels: str = "") -> str:
    return f"max by ({_joined(WORKLOAD, more)}) ({selected(metric, labels)})"


def of_place(metric: str, more: str = "", labels: str = "", *, location: bool = False) -> str:
    return f"max by ({_joined(PLACE, more)}) ({selected(metric, labels, location=location)})"


def state(by: str = PLACE, *, location: bool = False) -> str:
    """Return the state of each location, `PROVEN` to `FAILED`, or the worst of each workload. What no drill has shown is never proven.

    The gravest of all that holds counts, so each is told as it is, and one aggregation at the end takes the highest: a fleet of ten
    thousand is asked this eight times for one table.
    """

    def each(metric: str, labels: str = "") -> str:
        return selected(metric, labels, location=location)

    passed, interval = each("last_passed_drill_timestamp_seconds"), each("drill_interval_seconds")
    failed = each("last_drill_verdict", 'verdict="failed"')
    untold = each("last_drill_verdict", 'verdict="inconclusive"')
    proof = f"{PROVEN} + {STALE - PROVEN} * (time() - {passed} > bool 2 * {interval})"
    return f"max by ({by}) ({FAILED} * {failed} or {UNTOLD} * {untold} or {proof} or {NEVER} + 0 * ({interval} unless {passed}))"


def best_state() -> str:
    """Of each workload: from one location it can be brought back."""
    return f"min by ({WORKLOAD}) ({state()})"


def worst_state() -> str:
    return state(WORKLOAD)


def exposure() -> str:
    """What a loss now would cost each workload: since the newest point that any of its locations can give back."""
    return f"(time() - {of_workload('estimated_recovery_point_timestamp_seconds')})"


def share(measured: str, objective: str) -> str:
    return f"{measured} / {of_workload(objective)}"


RTO, RPO = "recovery_time_objective_seconds", "recovery_point_objective_seconds"


def needs_somebody() -> str:
    """The workloads with a location that is not proven, or that a loss now would cost more than agreed."""
    return f"({worst_state()} > {PROVEN} or {exposure()} > {of_workload(RPO)})"


def owned(expression: str) -> str:
    """Return what belongs to the owners that are chosen."""
    return f"{expression} and on ({WORKLOAD}) {selected('workload_info', OWNER)}"


def counted(expression: str) -> str:
    """Return how many; 0 only where a fleet is known: no data is not zero."""
    return f"count({expression}) or 0 * count({selected('workload_info')})"


def labelled(expression: str, label: str, text: str) -> str:
    """Return the same series with one more label: so that what has several sources fits one query, and one column."""
    return f'label_replace({expression}, "{label}", "{text}", "", "")'


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
