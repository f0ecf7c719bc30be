"""Rows of panels → a dashboard around them: its variables, annotations and links, the same for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards import promql
from dashboards.panels import SOURCE

TAGS = ["restore-tester", "backup"]
FLEET, WORKLOAD = "restore-tester-fleet", "restore-tester-workload"
# Where the service's own pages are. The chart puts in `dashboards.pagesUrl`; whoever imports the file by hand is asked by Grafana.
# A constant, not a field to fill in: an address that anybody could put into a link to the dashboard would lead where they like.
PAGES = "http://127.0.0.1:8000"
CHOSEN = "${datasource:queryparam}&${cluster:queryparam}&${namespace:queryparam}&${job:queryparam}&${__url_time_range}"
_INFO = "restore_tester_workload_info"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a title. `repeat`: once for each value of that variable; `folded`: asked nothing until it is opened."""

    title: str
    panels: Sequence[Builder[dashboard.Panel]]
    repeat: str = ""
    folded: bool = False


def of_workload(field: str) -> str:
    """Return the address of a workload's dashboard, given what its name is called where the link stands."""
    return f"/d/{WORKLOAD}?var-workload=${{{field}}}&{CHOSEN}"


def framed(
    uid: str, title: str, about: str, variables: Sequence[Builder[dashboard.VariableModel]], rows: Sequence[Row]
) -> dashboard.Dashboard:
    made = building.Dashboard(title).uid(uid).description(about).tags(TAGS).readonly().timezone("browser").refresh("5m")
    made = made.time("now-30d", "now").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    for variable in variables:
        made = made.with_variable(variable)
    for annotation in _annotations():
        made = made.annotation(annotation)
    pages = building.DashboardLink("Pages of restore-tester").type(dashboard.DashboardLinkType.LINK).url("${pages}/").icon("external link")
    made = made.link(pages.target_blank(True))
    others = building.DashboardLink("restore-tester").type(dashboard.DashboardLinkType.DASHBOARDS).tags(TAGS[:1]).as_dropdown(False)
    made = made.link(others.include_vars(False).keep_time(True))
    for row in rows:
        head = building.Row(row.title)
        if row.repeat:
            head = head.repeat(row.repeat)
        if row.folded:
            for panel in row.panels:
                head = head.with_panel(panel)
        made = made.with_row(head)
        if not row.folded:
            for panel in row.panels:
                made = made.with_panel(panel)
    return _fixed(_numbered(made.build()))


def _fixed(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """What is constant is not taken from an address either; the builder cannot say so."""
    for variable in (made.templating.list_val if made.templating is not None else None) or []:
        variable.skip_url_sync = variable.type_val == dashboard.VariableType.CONSTANT
    return made


def _numbered(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """Every panel needs a number of its own, those in folded rows too."""
    number = 0
    for panel in made.panels or []:
        for one in (panel, *(panel.panels if isinstance(panel, dashboard.RowPanel) else ())):
            number += 1
            one.id_val = number
    return made


def installations() -> tuple[Builder[dashboard.VariableModel], ...]:
    """The data source, the address of the pages, and which installations are looked at: all, until somebody chooses."""
    return (
        building.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        building.ConstantVariable("pages").label("Pages").value(PAGES),
        chosen("cluster", "Cluster", f"label_values({_INFO}, cluster)"),
        chosen("namespace", "Namespace", f'label_values({_INFO}{{cluster=~"$cluster"}}, namespace)'),
        chosen("job", "Job", f'label_values({_INFO}{{cluster=~"$cluster", namespace=~"$namespace"}}, job)'),
    )


def chosen(name: str, label: str, query: str) -> building.QueryVariable:
    """Some or all. All is `.*`: a label that your Prometheus does not set is chosen, too."""
    everything = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])
    return _asking(name, label, query).multi(True).include_all(True).all_value(".*").current(everything)


def one_of(name: str, label: str, query: str) -> building.QueryVariable:
    return _asking(name, label, query)


def _asking(name: str, label: str, query: str) -> building.QueryVariable:
    asked = (
        building.QueryVariable(name)
        .label(label)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .definition(query)
        .datasource(SOURCE)
    )
    return asked.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(dashboard.VariableSort.ALPHABETICAL_ASC)


def _annotations() -> tuple[building.AnnotationQuery, ...]:
    """Every failed drill, at the instant when it ended: the value of the series is that instant, in milliseconds."""
    ended = promql.of_place("last_drill_timestamp_seconds")
    verdict = promql.selected("last_drill_verdict", 'verdict="failed"')
    failed = f"1000 * {ended} and on ({promql.PLACE}) {verdict}"
    about = building.AnnotationQuery().name("failed drills").datasource(SOURCE).enable(True).icon_color("red").expr(failed)
    about = about.title_format("{{workload}} at {{location}}: the drill failed").text_format("{{workload}} at {{location}}")
    return (about.tag_keys("workload,location").step("5m").use_value_for_time(True),)
