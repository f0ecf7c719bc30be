"""A dashboard as Grafana loads it → a drawing of where its panels stand and what each is called.

It is the plan of the dashboard, not a picture of Grafana: it has no values.
"""

from __future__ import annotations

from html import escape
from typing import Any

COLUMN, LINE, GAP = 40, 30, 4
_KINDS = {
    "stat": "number",
    "timeseries": "over time",
    "table": "table",
    "bargauge": "bars",
    "heatmap": "heat map",
    "state-timeline": "states over time",
}


def picture(dashboard: dict[str, Any]) -> str:
    """Return an SVG. Folded rows are drawn open."""
    panels = [one for panel in dashboard["panels"] for one in (panel, *panel.get("panels", ()))]
    height = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels) * LINE
    width = 24 * COLUMN
    drawn = "\n".join(_drawn(one) for one in panels)
    style = (
        ".b{fill:#f4f5f5;stroke:#c7d0d9}.t{font:600 13px sans-serif;fill:#24292e}.k{font:11px sans-serif;fill:#5a6570}"
        "@media(prefers-color-scheme:dark){.g{fill:#111217}.b{fill:#181b1f;stroke:#363a40}.t{fill:#d0d3d9}.k{fill:#9ba3ad}}"
    )
    label = escape(f"Plan of the dashboard “{dashboard['title']}”")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">\n<style>{style}</style>\n'
        f'<rect class="g" width="{width}" height="{height}" fill="#fff"/>\n{drawn}\n</svg>\n'
    )


def _drawn(panel: dict[str, Any]) -> str:
    at = panel["gridPos"]
    left, top, width, height = at["x"] * COLUMN, at["y"] * LINE, at["w"] * COLUMN, at["h"] * LINE
    title = escape(panel["title"])
    if panel["type"] == "row":
        again = f" (for each {panel['repeat']})" if panel.get("repeat") else ""
        return f'<text class="t" x="{left + GAP}" y="{top + 20}">{title}{escape(again)}</text>'
    return (
        f'<rect class="b" x="{left + GAP / 2}" y="{top + GAP / 2}" width="{width - GAP}" height="{height - GAP}" rx="3"/>'
        f'<text class="t" x="{left + 10}" y="{top + 22}">{title}</text>'
        f'<text class="k" x="{left + 10}" y="{top + 40}">{_KINDS[panel["type"]]}</text>'
    )
