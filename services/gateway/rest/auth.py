"""Register, sign in, refresh, sign out, me."""

from functools import partial

from sanic import HTTPResponse

from services.gateway.limits import REFRESH, REGISTER, SIGN_IN, SIGN_IN_ADDRESS, RateLimits
from services.gateway.rest import cookies
from services.gateway.rest.endpoint import Call, Endpoint, Taking, answer, nothing
from services.gateway.settings import GatewaySettings
from warren.chassis.rpc_client import RpcClient
from warren.contracts import auth, limits, rest
from warren.contracts.errors import Code, Refusal

SIGN_IN_SECONDS = 10.0
"""Hashing passwords takes its time when many sign in at once."""


class AuthEndpoints:
    def __init__(self, settings: GatewaySettings, rpc: RpcClient, rates: RateLimits) -> None:
        self._settings = settings
        self._rpc = rpc
        self._rates = rates

    def endpoints(self) -> list[Endpoint]:
        of = partial(Endpoint, "Accounts")
        signed_in = rest.SignedIn
        register, login = Taking(rest.Register, self.register), Taking(rest.Login, self.login)
        refresh = Taking(rest.Refresh, self.refresh, optional=True)
        by_name = "Sign in; `login` is a username or an email."
        by_token = "A new access token and the next refresh token, by the one in the body or in the cookie."
        return [
            of("POST", "/auth/register", register, {201: signed_in}, "Make an account and sign in.", open=True),
            of("POST", "/auth/login", login, {200: signed_in}, by_name, open=True),
            of("POST", "/auth/refresh", refresh, {200: signed_in}, by_token, open=True),
            of("POST", "/auth/logout", self.logout, {204: None}, "End this session."),
            of("GET", "/auth/me", self.me, {200: rest.SelfUser}, "My own account."),
        ]

    async def register(self, call: Call, body: rest.Register) -> HTTPResponse:
        self._rates.check(REGISTER, call.address)
        request = auth.Register(body.username, body.email, body.password, self._device(call, body.device))
        signed_in = await self._rpc.call(auth.REGISTER, request, seconds=SIGN_IN_SECONDS)
        return self._signed_in(call, signed_in, 201)

    async def login(self, call: Call, body: rest.Login) -> HTTPResponse:
        self._rates.check(SIGN_IN_ADDRESS, call.address)
        self._rates.check(SIGN_IN, f"{call.address} {body.login.strip().casefold()[:256]}")
        request = auth.Login(body.login, body.password, body.totp, self._device(call, body.device))
        return self._signed_in(call, await self._rpc.call(auth.LOGIN, request, seconds=SIGN_IN_SECONDS))

    async def refresh(self, call: Call, body: rest.Refresh) -> HTTPResponse:
        self._rates.check(REFRESH, call.address)
        token = body.refresh_token
        if token is None:
            token = call.request.cookies.get(cookies.NAME)
            self._check_origin(call)
        if not token:
            raise Refusal(Code.UNAUTHENTICATED, "There is no refresh token in the body or the cookie; sign in.")
        return self._signed_in(call, await self._rpc.call(auth.REFRESH, auth.Refresh(token)))

    async def logout(self, call: Call) -> HTTPResponse:
        await self._rpc.call(auth.LOGOUT, auth.Logout(call.user, call.session.session))
        response = nothing()
        self._set_cookie(call, response, "", 0)
        return response

    async def me(self, call: Call) -> HTTPResponse:
        return answer(await self._rpc.call(auth.GET_USER, auth.GetUser(call.user)))

    def _signed_in(self, call: Call, signed_in: rest.SignedIn, status: int = 200) -> HTTPResponse:
        response = answer(signed_in, status)
        self._set_cookie(call, response, signed_in.refresh_token, self._settings.session_seconds)
        return response

    def _set_cookie(self, call: Call, response: HTTPResponse, token: str, max_age: int) -> None:
        headers = call.request.headers
        secure = cookies.is_secure(
            headers.get("x-forwarded-proto", call.request.scheme),
            headers.get("host", ""),
            development=self._settings.node_env == "development",
        )
        response.headers.add("set-cookie", cookies.render(token, max_age=max_age, secure=secure))

    def _check_origin(self, call: Call) -> None:
        """A cookie is authority that other pages can make a browser send along: SameSite compares sites only, and
        another port of the same host is the same site."""
        origin = call.request.headers.get("origin")
        if origin is not None and origin.rstrip("/") not in self._settings.origins:
            raise Refusal(Code.FORBIDDEN, "This origin may not use the cookie; it is not in CLIENT_URL.")

    def _device(self, call: Call, given: str | None) -> str | None:
        """What the session is called in a list of sessions."""
        name: str | None = given or call.request.headers.get("user-agent")
        return name[: limits.DEVICE_CHARACTERS] if name else None
