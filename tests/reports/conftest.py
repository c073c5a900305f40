"""Fixtures of the report tests."""

import pandas as pd
import pytest

from balent.reports.context import ReportContext

from .synthetic import METHODS, REFERENCE, SCENARIOS, synthetic


@pytest.fixture(scope="session")
def histories() -> pd.DataFrame:
    return synthetic()


@pytest.fixture(scope="session")
def context(histories) -> ReportContext:
    return ReportContext(
        scale="small",
        scenarios=SCENARIOS,
        undefined={},
        methods=METHODS,
        seeds=(0, 1, 2),
        histories=histories,
        reference_folder=REFERENCE,
        features={
            "simclr": {
                "title": "SimCLR",
                "data": "digits",
                "seed": 0,
                "simclr": {"encoder": {"name": "narrow_resnet", "stem": "small"}},
                "probe": {"references": ["pixels", "random"]},
            }
        },
    )
