"""A question in PromQL and what its answer means → a panel of Grafana: one function for each way to show it.

Every panel has a title, a description, a unit and the data source that the reader chose; the tests ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import promql

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
SECONDS, SHARE, COUNT, INSTANT, FROM_NOW, SIZE = "s", "percentunit", "short", "dateTimeAsIso", "dateTimeFromNow", "bytes"
GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "text"
OBJECTIVE = "objective"

# What a state of `promql.state` is called, and its colour: only what was proven is green.
STATES: dict[float, tuple[str, str]] = {
    promql.PROVEN: ("proven", GREEN),
    promql.UNTOLD: ("could not tell", YELLOW),
    promql.STALE: ("proof is old", ORANGE),
    promql.NEVER: ("never proven", ORANGE),
    promql.FAILED: ("failed", RED),
}
VERDICTS = {"passed": GREEN, "inconclusive": YELLOW, "failed": RED}
# Drills are rare: a point for every few minutes says all that there is to say.
STEP = "5m"
# At most so many points: a fleet of ten thousand answers in seconds, and nothing changes faster than that in a month.
MOST_POINTS = 200

Steps = Sequence[tuple[float | None, str]]
GOOD_IS_NONE: Steps = ((None, GREEN), (1, RED))
NONE_BETTER: Steps = ((None, GREEN), (1, ORANGE))
BELOW_ONE: Steps = ((None, GREEN), (0.8, YELLOW), (1, RED))
PLAIN: Steps = ((None, GREY),)


@dataclass(frozen=True, slots=True)
class Said:
    """What stands on a panel, and how its numbers are read."""

    title: str
    about: str
    unit: str = COUNT
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and what its series are called."""

    expression: str
    called: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its own query, its name, its unit. `link` is an address and what it opens; `steps` colour it."""

    name: str
    expression: str
    unit: str = COUNT
    steps: Steps = ()
    states: bool = False
    link: tuple[str, str] | None = None


def now(asked: Asked, ref: str = "A", *, rows: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(asked.expression).ref_id(ref).instant().datasource(SOURCE).legend_format(asked.called)
    return query.format(PromQueryFormat.TABLE) if rows else query


def course(asked: Asked, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(asked.expression).ref_id(ref).range().datasource(SOURCE).legend_format(asked.called)


def thresholds(steps: Steps) -> building.ThresholdsConfig:
    found = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return building.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(found)


def mapped(texts: Mapping[float, tuple[str, str]]) -> list[dashboard.ValueMapping]:
    results = {f"{value:g}": dashboard.ValueMappingResult(text=text, color=color) for value, (text, color) in texts.items()}
    return [dashboard.ValueMap(options=results)]


def link(title: str, url: str) -> building.DashboardLink:
    return building.DashboardLink(title).url(url).target_blank(True)


def figure(said: Said, asked: Asked, steps: Steps = PLAIN) -> stat.Panel:
    """One number, its ground coloured."""
    panel = stat.Panel().title(said.title).description(said.about).datasource(SOURCE).unit(said.unit).span(said.width).height(said.height)
    panel = panel.with_target(now(asked)).thresholds(thresholds(steps)).graph_mode(shapes.BigValueGraphMode.NONE).no_value("unknown")
    colors = shapes.BigValueColorMode.NONE if steps is PLAIN else shapes.BigValueColorMode.BACKGROUND
    scheme = building.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)
    return panel.color_mode(colors).color_scheme(scheme).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def named(panel: stat.Panel, texts: Mapping[float, tuple[str, str]]) -> stat.Panel:
    """Return a figure that says a word in place of a number."""
    return panel.mappings(mapped(texts)).color_mode(shapes.BigValueColorMode.BACKGROUND)


def lines(said: Said, *asked: Asked) -> timeseries.Panel:
    """Series over time. What is called `objective` is drawn dashed and red."""
    panel = timeseries.Panel().title(said.title).description(said.about).datasource(SOURCE).unit(said.unit)
    panel = panel.span(said.width).height(said.height).interval(STEP).max_data_points(MOST_POINTS).axis_soft_min(0)
    # A measured value holds until the next drill.
    panel = panel.line_interpolation(shapes.LineInterpolation.STEP_AFTER).show_points(shapes.VisibilityMode.NEVER)
    panel = panel.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
    panel = panel.override_by_regexp(f"/^{OBJECTIVE}/", [*colored("dark-red"), *drawn(dashed=True)])
    for one, ref in zip(asked, "ABCDEFGHIJ", strict=False):
        panel = panel.with_target(course(one, ref))
    return panel


def stacked(panel: timeseries.Panel, *, bars: bool = False) -> timeseries.Panel:
    panel = panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL)).fill_opacity(60).line_width(0)
    return panel.draw_style(shapes.GraphDrawStyle.BARS) if bars else panel


def colored(color: str) -> list[dashboard.DynamicConfigValue]:
    return [dashboard.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})]


def drawn(*, dashed: bool, width: int = 2) -> list[dashboard.DynamicConfigValue]:
    style = {"fill": "dash", "dash": [8, 8]} if dashed else {"fill": "solid"}
    return [
        dashboard.DynamicConfigValue(id_val="custom.lineStyle", value=style),
        dashboard.DynamicConfigValue(id_val="custom.lineWidth", value=width),
    ]


def ranking(said: Said, asked: Asked, steps: Steps, opens: tuple[str, str] | None = None) -> bargauge.Panel:
    """The most of something now, a bar each, sorted as the query sorts. `opens` is a title and an address."""
    panel = bargauge.Panel().title(said.title).description(said.about).datasource(SOURCE).unit(said.unit).span(said.width)
    panel = panel.height(said.height).orientation(shapes.VizOrientation.HORIZONTAL).display_mode(shapes.BarGaugeDisplayMode.BASIC).min(0)
    panel = panel.with_target(now(asked)).thresholds(thresholds(steps)).no_value("none")
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.data_links([link(*opens)]) if opens is not None else panel


def states_over_time(said: Said, asked: Asked) -> statetimeline.Panel:
    panel = statetimeline.Panel().title(said.title).description(said.about).datasource(SOURCE).unit(said.unit).span(said.width)
    panel = panel.height(said.height).interval(STEP).merge_values(True).show_value(shapes.VisibilityMode.NEVER)
    return panel.mappings(mapped(STATES)).with_target(course(asked, "A"))


def rows(said: Said, columns: Sequence[Column], keys: Sequence[str], worst: str, links: Mapping[str, tuple[str, str]]) -> table.Panel:
    """One line for whatever has the same labels; `keys` come first, the rest as given. `worst` is the column to sort by, falling."""
    panel = _table(said)
    for column, ref in zip(columns, "ABCDEFGHIJKLMNO", strict=False):
        panel = panel.with_target(now(Asked(column.expression), ref, rows=True))
        if column.name:
            panel = panel.override_by_name(column.name, _column(column))
    # One answer has its value in `Value`, several have theirs in `Value #A`, …
    values = {
        "Value" if len(columns) == 1 else f"Value #{ref}": column.name for column, ref in zip(columns, "ABCDEFGHIJKLMNO", strict=False)
    }
    hidden = {"Time": True, "job": True} | {value: True for value, name in values.items() if not name}
    order = {key: at for at, key in enumerate([*keys, *values])}
    renamed = {value: name for value, name in values.items() if name}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    options = {"excludeByName": hidden, "indexByName": order, "renameByName": renamed}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))
    for key, opens in links.items():
        panel = panel.override_by_name(key, [_links(*opens)])
    return panel.sort_by([common.TableSortByFieldState().display_name(worst).desc(True)])


def events(said: Said, asked: Asked, value: str, keys: Sequence[str], opens: tuple[str, str]) -> table.Panel:
    """One line for each value that a series had over time, the newest first: what happened, from what was scraped."""
    panel = _table(said).interval(STEP)
    query = course(asked, "A").format(PromQueryFormat.TABLE)
    grouped = {key: {"operation": "groupby", "aggregations": []} for key in ("Value", *keys)}
    panel = panel.with_target(query).with_transformation(dashboard.DataTransformerConfig(id_val="groupBy", options={"fields": grouped}))
    options = {"excludeByName": {}, "indexByName": {"Value": 0}, "renameByName": {"Value": value}}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))
    panel = panel.override_by_name(value, [dashboard.DynamicConfigValue(id_val="unit", value=INSTANT), _links(*opens)])
    verdicts = [_json(dashboard.ValueMap(options={v: dashboard.ValueMappingResult(text=v, color=c) for v, c in VERDICTS.items()}))]
    panel = panel.override_by_name("verdict", [dashboard.DynamicConfigValue(id_val="mappings", value=verdicts), _text_colored()])
    return panel.sort_by([common.TableSortByFieldState().display_name(value).desc(True)])


def _table(said: Said) -> table.Panel:
    panel = table.Panel().title(said.title).description(said.about).datasource(SOURCE).unit(said.unit)
    return panel.span(said.width).height(said.height).no_value("-").filterable(True)


def _column(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties = [dashboard.DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.states:
        properties += [dashboard.DynamicConfigValue(id_val="mappings", value=[_json(one) for one in mapped(STATES)]), _text_colored()]
    if column.steps:
        properties += [dashboard.DynamicConfigValue(id_val="thresholds", value=_json(thresholds(column.steps).build())), _text_colored()]
    if column.link is not None:
        properties.append(_links(*column.link))
    return properties


def _links(title: str, url: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val="links", value=[{"title": title, "url": url, "targetBlank": True}])


def _text_colored() -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})


def _json(shape: dashboard.ValueMapping | dashboard.ThresholdsConfig) -> object:
    """As the values of overrides are written: they are free of any shape in the SDK."""
    return shape.to_json()
