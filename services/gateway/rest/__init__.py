"""REST under /api/v1: each file is one topic of the contract.

app.py        install(): routes, middleware, errors
endpoint.py   what an endpoint is, and one call of it: body, query, path, answer
traced.py     a request's id beside the command that failed
problems.py   pure: errors as RFC 9457 problem documents
cookies.py    pure: the refresh cookie
auth.py users.py rooms.py messages.py   the endpoints
openapi.py    pure: the API's description from the endpoints and their types
asyncapi.py   pure: the socket's description from its frames
docs.py       serves both, with a page for people

    request -> middleware (ids) -> rate, session -> endpoint -> RPC or room command -> answer
                                        any Refusal -> problem document
"""
