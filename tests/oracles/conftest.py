"""When a peer is missing this group skips, and says why; where the peers are required, a skip is a failure.

MINIFCN_REQUIRE_ORACLES=1 is for the machine whose answer counts: there nothing may pass because nothing was compared.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

REQUIRED = os.environ.get("MINIFCN_REQUIRE_ORACLES") == "1"


def refused(report: pytest.TestReport | pytest.CollectReport) -> pytest.TestReport | pytest.CollectReport:
    """The report, a failure if it was a skip and the peers are required."""
    if REQUIRED and report.outcome == "skipped":
        why = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"MINIFCN_REQUIRE_ORACLES=1 allows no skip among the oracles, but {report.nodeid}: {why}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return refused((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return refused((yield))
