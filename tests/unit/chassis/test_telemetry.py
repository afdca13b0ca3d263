"""Request and trace ids travel from process to process, and nothing odd comes in with them."""

import contextvars
import re

from warren.chassis.telemetry import begin_request, outgoing_headers, request_id, trace_id

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def begun(headers: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    def work() -> tuple[str, str, dict[str, str]]:
        begin_request(headers)
        return request_id.get(), trace_id.get(), outgoing_headers()

    return contextvars.Context().run(work)


def test_the_ids_of_the_caller_go_on() -> None:
    request, trace, out = begun({"x-request-id": "request-123", "traceparent": PARENT})
    assert (request, trace) == ("request-123", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert out["x-request-id"] == "request-123"
    version, trace_out, span, flags = out["traceparent"].split("-")
    assert (version, trace_out, flags) == ("00", trace, "01")
    assert re.fullmatch("[0-9a-f]{16}", span) and span != "00f067aa0ba902b7"


def test_without_ids_new_ones_are_made() -> None:
    one, two = begun({}), begun({})
    assert one[0] != two[0] and one[1] != two[1]
    assert re.fullmatch("[0-9a-f]{32}", one[1])


def test_what_does_not_look_like_an_id_is_not_taken() -> None:
    for bad in ("", "short", "x" * 65, "with space", "line\nbreak", 'quo"te'):
        assert begun({"x-request-id": bad})[0] != bad
    for bad in ("00-zz-zz-01", PARENT[:-1], PARENT.upper(), ""):
        assert begun({"traceparent": bad})[1] != "4bf92f3577b34da6a3ce929d0e0e4736"


def test_outside_a_request_nothing_is_sent() -> None:
    assert contextvars.Context().run(outgoing_headers) == {}
