"""docs/capacity.md says what its own inputs come to."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bench.capacity import SIZES, NotAnInput, plan, read_inputs, rewritten

DOCUMENT = Path(__file__).parents[3] / "docs" / "capacity.md"


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert rewritten(text) == text, "run: .venv/bin/python -m bench.capacity docs/capacity.md"


def test_more_connections_need_more_of_everything_and_cost_less_each() -> None:
    plans = [plan(size, read_inputs(DOCUMENT.read_text())) for size in SIZES]
    for smaller, larger in pairwise(plans):
        assert larger.gateways >= smaller.gateways
        assert larger.messaging >= smaller.messaging
        assert larger.dollars > smaller.dollars
        assert larger.dollars / larger.connections <= smaller.dollars / smaller.connections


def test_deliveries_alone_size_the_gateways_when_nothing_else_costs() -> None:
    given = dict.fromkeys(read_inputs(DOCUMENT.read_text()), 0.0) | {
        "messages_per_hour": 3_600.0, "audience": 10.0, "delivery_us": 1.0, "utilisation": 0.5, "peak_to_mean": 1.0,
        "connections_per_gateway": 1e9, "cores_per_machine": 16.0, "gib_per_vcpu": 4.0,
    }  # fmt: skip
    found = plan(1_000_000, given)
    assert (found.messages, found.deliveries, found.gateways) == (1e6, 1e7, 20)
    assert replace(found, messaging=2) == found


def test_a_missing_input_is_named() -> None:
    with pytest.raises(NotAnInput, match="messages_per_hour"):
        plan(10, {"utilisation": 0.5})


def test_a_document_without_its_marks_is_refused() -> None:
    with pytest.raises(NotAnInput, match="needs the lines"):
        rewritten("# nothing")
