"""`python -m dashboards` → the committed files: what Grafana loads, and a picture of how the panels are laid out."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import fleet
from dashboards.picture import picture
from dashboards.workload import workload

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "helm" / "restore-tester" / "files" / "dashboards"
PICTURES = ROOT / "docs" / "pictures"


def files() -> dict[Path, str]:
    """Return what is to be committed: each file with its text."""
    found = {}
    for name, dashboard in (("fleet", fleet()), ("workload", workload())):
        text = written(dashboard)
        found[FOLDER / f"{name}.json"] = text
        found[PICTURES / f"dashboard-{name}.svg"] = picture(json.loads(text))
    return found


def written(dashboard: Dashboard) -> str:
    return json.dumps(dashboard, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    for file, text in files().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
