"""The API's description follows from the endpoints."""

import re
from typing import Any, cast

import pytest

from services.gateway.limits import RateLimits
from services.gateway.rest.auth import AuthEndpoints
from services.gateway.rest.docs import render
from services.gateway.rest.endpoint import Endpoint, Taking
from services.gateway.rest.messages import MessageEndpoints
from services.gateway.rest.openapi import describe
from services.gateway.rest.rooms import RoomEndpoints
from services.gateway.rest.users import UserEndpoints
from services.gateway.settings import GatewaySettings

NOBODY = cast(Any, None)


@pytest.fixture
def endpoints() -> list[Endpoint]:
    rates = RateLimits(False)
    return [
        *AuthEndpoints(GatewaySettings(), NOBODY, rates).endpoints(),
        *UserEndpoints(NOBODY).endpoints(),
        *RoomEndpoints(NOBODY, NOBODY).endpoints(),
        *MessageEndpoints(NOBODY, NOBODY, rates).endpoints(),
    ]


def test_every_endpoint_is_described(endpoints: list[Endpoint]) -> None:
    document = describe(endpoints)
    for endpoint in endpoints:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        assert {str(status) for status in endpoint.answers} <= set(operation["responses"])
        assert ("requestBody" in operation) == isinstance(endpoint.handle, Taking)
        assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == set(
            re.findall(r"\{(\w+)\}", endpoint.path)
        )
        assert operation["security"] == ([] if endpoint.open else [{"access_token": []}])


def test_names_of_operations_are_unique(endpoints: list[Endpoint]) -> None:
    document = describe(endpoints)
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(endpoints)


def test_every_reference_leads_somewhere(endpoints: list[Endpoint]) -> None:
    document = describe(endpoints)
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_bodies_refuse_unknown_fields_and_answers_may_grow(endpoints: list[Endpoint]) -> None:
    schemas = describe(endpoints)["components"]["schemas"]
    assert schemas["SendMessage"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Message"]


def test_the_page_for_people_names_every_path_and_code(endpoints: list[Endpoint]) -> None:
    page = render(endpoints)
    assert all(endpoint.path in page for endpoint in endpoints)
    assert 'id="rate_limited"' in page
    assert "<script" not in page
