"""Pictures of the main pages, of a company at work on real engines: `make screenshots` → docs/pictures/.

The fleet and what it does are real; the months before it (`company_past.py`) are written.

python -m tests.browser.screenshots           take them all
python -m tests.browser.screenshots --hold    and leave the platform standing until Ctrl-C, to look around in it
XQ_PICTURES=/tmp/look python -m tests.browser.screenshots    somewhere else
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlencode

from tests.bench.platform import ROOT, platform
from tests.browser.chrome import chromium
from tests.browser.company import PASSWORD, Company
from tests.browser.company_data import SERVICE
from tests.browser.company_past import ELASTIC
from tests.browser.conftest import sign_in
from tests.engines.fleet import Fleet

FOLDER = Path(os.environ.get("XQ_PICTURES", ROOT / "docs" / "pictures"))
LARGEST = 200_000  # bytes
CALCULATED = {
    "place": f"{ELASTIC}/production",
    "metric": "app.qps",
    "range": "7d",
    "load": 4500,
    "target": 60,
    "cpus": 0.5,
    "memory": "96m",
}


def pictures(company: Company) -> list[tuple[str, str, str]]:
    """Name, address, and how: words of light, dark, narrow, tall, zh, and who looks (gaolei, if nobody is named)."""
    snow = "/services/snow/production/"
    return [  # what is under way comes first
        ("release", f"/releases/{company.running.pk}/", "dark"),
        ("switch", f"/releases/{company.switching.pk}/", "light"),
        ("train", f"/trains/{company.train.pk}/", "light"),
        ("home", "/", "light"),
        ("services", "/services/", "light"),
        ("run", snow, "light"),
        ("plan", f"{snow}deploy/?step=3&image={company.newest.pk}&why=password+from+the+vault", "light"),
        ("failed", f"/releases/{company.failed.pk}/", "light"),
        ("guardrails", "/settings/guardrails/grey/", "light"),
        ("logs", "/services/stock-quote/production/logs/", "dark"),
        ("gates", "/settings/gates/", "light"),
        ("code", "/services/stock-quote/code/", "dark"),
        ("inbox", "/inbox/", "light wangfang"),
        ("hosts", "/hosts/", "dark"),
        ("addresses", "/network/room-a/", "light"),
        ("conformance", "/hosts/conformance/", "light"),
        ("machine", "/hosts/room-a-01/conformance/", "light"),
        ("operation", f"/hosts/room-a-01/operations/{company.fixed.pk}/", "dark"),
        ("instance", f"/instances/{company.instance.pk}/", "light"),
        ("charts", f"/instances/{company.instance.pk}/charts/?range=15m", "dark"),
        ("data", f"/services/{SERVICE}/production/data/", "light tall"),
        ("backups", f"/services/{SERVICE}/production/data/backups/", "light tall"),
        ("monitoring", "/monitoring/?range=15m", "light"),
        ("alerts", "/alerts/", "light"),
        ("capacity", "/capacity/", "light zhaomin"),
        ("what-if", f"/capacity/what-if/{company.scenario.pk}/", "light"),
        ("calculator", "/capacity/calculator/?" + urlencode(CALCULATED), "light tall"),
        ("elasticity", f"{snow}scaling/", "light tall"),
        ("right-sizing", "/capacity/right-sizing/", "light"),
        ("rebalance", "/capacity/rebalance/", "dark"),
        ("cost", "/capacity/cost/", "light zhaomin"),
        ("scorecard", "/capacity/scorecard/", "dark zhaomin"),
        ("audit", "/audit/?q=action:service.*", "light"),
        ("proof", "/audit/verify/", "light"),
        ("reviews", "/audit/reviews/", "dark"),
        ("who-can", "/settings/access/?right=service.deploy&service=stock-quote&environment=production", "light"),
        ("what-can", f"/settings/people/{company.people_by_name['lixiang'].pk}/rights/", "light"),
        ("requests", "/settings/access/requests/", "light"),
        ("run-narrow", snow, "narrow"),
        ("home-zh", "/", "light zh"),
    ]


def take(company: Company, url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, path, words in pictures(company):
            how = words.split()
            who = next((word for word in how if word in company.people_by_name), "gaolei")
            height = 1240 if "tall" in how else 860
            size = {"width": 400 if "narrow" in how else 1360, "height": height}
            context = browser.new_context(
                base_url=url,
                viewport=size,
                locale="zh-CN" if "zh" in how else "en-GB",
                color_scheme="dark" if "dark" in how else "light",
                reduced_motion="reduce",
            )
            context.add_cookies([{"name": "django_language", "value": "zh-hans" if "zh" in how else "en", "url": url}])
            page = sign_in(context, url, company.people_by_name[who])
            page.goto(path)
            page.wait_for_timeout(700)  # charts drawn, fonts there; a picture, not a proof
            file = FOLDER / f"{name}.png"
            page.screenshot(path=file, scale="css")
            print(f"{file} {file.stat().st_size // 1000} kB{' TOO LARGE' if file.stat().st_size > LARGEST else ''}")
            context.close()


def main(arguments: list[str]) -> int:
    with Fleet.up(3) as fleet, platform(PASSWORD) as site:
        company = Company(site, fleet)
        take(company, site.url)
        if "--hold" in arguments:
            print(
                f"{site.url}: sign in as gaolei, wangfang, lixiang or zhaomin, password «{PASSWORD}». Ctrl-C ends it."
            )
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
