"""The API's description for programs (/openapi.json, /asyncapi.json) and for people (/docs)."""

from collections.abc import Sequence
from html import escape
from typing import Any

from sanic import HTTPResponse
from sanic.response import html

from services.gateway.rest import asyncapi
from services.gateway.rest.endpoint import Call, Endpoint, Taking, answer_bytes
from services.gateway.rest.openapi import describe
from warren.contracts.codec import encode_json
from warren.contracts.errors import MEANING

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-weight: 600; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884; }
dt { margin-top: 1rem; } code { font: 0.9em ui-monospace, monospace; } b { display: inline-block; min-width: 4.5rem; }
dd { margin-left: 4.5rem; } small { opacity: 0.75; } td, th { text-align: left; padding: 0.2rem 1.5rem 0.2rem 0; }
"""


class DocsEndpoints:
    """All are rendered once: they change with the code only."""

    def __init__(self, described: Sequence[Endpoint]) -> None:
        self._openapi = encode_json(describe(described))
        self._asyncapi = encode_json(asyncapi.describe())
        self._page = render(described)

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("Docs", "GET", "/openapi.json", self.openapi, {}, "OpenAPI 3.1.", open=True),
            Endpoint("Docs", "GET", "/asyncapi.json", self.asyncapi, {}, "AsyncAPI 3 of the socket.", open=True),
            Endpoint("Docs", "GET", "/docs", self.docs, {}, "This page.", open=True),
        ]

    async def openapi(self, _call: Call) -> HTTPResponse:
        return answer_bytes(self._openapi)

    async def asyncapi(self, _call: Call) -> HTTPResponse:
        return answer_bytes(self._asyncapi)

    async def docs(self, _call: Call) -> HTTPResponse:
        return html(self._page, headers={"Content-Security-Policy": _POLICY})


def render(endpoints: Sequence[Endpoint]) -> str:
    """A page without scripts: every endpoint with its body, its parameters and its answers, then the error codes."""
    topics = "".join(
        f"<h2>{escape(topic)}</h2><dl>{''.join(_entry(e) for e in endpoints if e.topic == topic)}</dl>"
        for topic in dict.fromkeys(endpoint.topic for endpoint in endpoints)
    )
    codes = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{meaning.status}</td><td>{escape(meaning.title)}</td></tr>'
        for code, meaning in MEANING.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Warren API</title><style>{_STYLE}</style>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><h1>Warren API v1</h1>'
        '<p>Paths are below <code>/api/v1</code>. For programs: <a href="openapi.json">openapi.json</a> and, for '
        'the socket, <a href="asyncapi.json">asyncapi.json</a>.</p>'
        f"{topics}<h2>Errors</h2><p>Every refusal is an <code>application/problem+json</code> document.</p>"
        f"<table><tr><th>code</th><th>status</th><th>meaning</th></tr>{codes}</table></html>"
    )


def _entry(endpoint: Endpoint) -> str:
    details = []
    if isinstance(endpoint.handle, Taking):
        details.append(f"body <code>{endpoint.handle.kind.__name__}</code>")
    details += [f"<code>?{parameter.name}</code> {escape(parameter.about)}" for parameter in endpoint.query]
    details += [f"{status} {escape(_name(kind))}" for status, kind in endpoint.answers.items()]
    sign_in = "no token needed" if endpoint.open else ""
    return (
        f"<dt><b>{endpoint.method}</b> <code>{escape(endpoint.path)}</code> <small>{sign_in}</small></dt>"
        f"<dd>{escape(endpoint.about)}<br><small>{' · '.join(details)}</small></dd>"
    )


def _name(kind: Any) -> str:
    if kind is None:
        return "no body"
    arguments = ", ".join(argument.__name__ for argument in getattr(kind, "__args__", ()))
    name = getattr(kind, "__name__", None) or kind.__origin__.__name__
    return f"{name}[{arguments}]" if arguments else str(name)
