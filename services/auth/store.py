"""Users and credentials in MongoDB. Times are milliseconds since 1970."""

from typing import Any

import msgspec
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.auth.names import email_key, nfc
from warren.chassis.mongo import Mongo
from warren.contracts.codec import rfc3339
from warren.contracts.errors import Code, FieldError, Refusal
from warren.contracts.rest import SelfUser, User

_TAKEN = {"username": "this username is taken", "email": "this email has an account already"}


class Account(msgspec.Struct):
    """A document of `users`. `email_key` and `display_key` are for comparing, the rest is for showing."""

    id: str
    username: str
    email: str
    email_key: str
    display_name: str
    display_key: str
    created_at: int
    avatar: str | None = None
    bio: str = ""

    def public(self) -> User:
        return User(self.id, self.username, self.display_name, self.avatar, self.bio, rfc3339(self.created_at))

    def own(self) -> SelfUser:
        return SelfUser(
            self.id,
            self.username,
            self.display_name,
            self.avatar,
            self.bio,
            rfc3339(self.created_at),
            email=self.email,
        )


class AccountStore:
    """`users` (one document a person) and `credentials` (their password hash, `_id` = the user's id)."""

    def __init__(self, mongo: Mongo) -> None:
        self._users = mongo.database["users"]
        self._credentials = mongo.database["credentials"]

    async def ensure_indexes(self) -> None:
        await self._users.create_index([("username", ASCENDING)], unique=True, name="username")
        await self._users.create_index([("email_key", ASCENDING)], unique=True, name="email")
        await self._users.create_index([("display_key", ASCENDING)], name="display_name")

    async def check_free(self, username: str, email: str) -> None:
        """Refuse a taken username or email before the costly hash. The unique indexes decide in the end."""
        for field, query in (("username", {"username": username}), ("email", {"email_key": email_key(email)})):
            if await self._users.find_one(query, {"_id": 1}) is not None:
                raise taken(field)

    async def add(self, account: Account, password_hash: str) -> None:
        """The credential goes first: one without a user is harmless, a user without one would block the name."""
        await self._credentials.insert_one({"_id": account.id, "password": password_hash})
        document = msgspec.to_builtins(account)
        document["_id"] = document.pop("id")
        try:
            await self._users.insert_one(document)
        except DuplicateKeyError as error:
            await self._credentials.delete_one({"_id": account.id})
            pattern: dict[str, Any] = (error.details or {}).get("keyPattern", {})
            raise taken("email" if "email_key" in pattern else "username") from error

    async def by_login(self, login: str) -> Account | None:
        """By username, or by email when it has an @ (which no username has)."""
        key = email_key(login)
        return await self._one({"email_key": key} if "@" in key else {"username": nfc(login).strip().lower()})

    async def by_id(self, user: str) -> Account | None:
        return await self._one({"_id": user})

    async def by_ids(self, users: list[str]) -> list[Account]:
        return [_account(document) async for document in self._users.find({"_id": {"$in": users}})]

    async def starting_with(self, query: str, after: str, limit: int) -> list[Account]:
        """Accounts whose username or display name starts with `query`, by username after `after`."""
        prefix = nfc(query).strip().casefold()
        found: dict[str, Any] = {"username": {"$gt": after}}
        if prefix:
            span = {"$gte": prefix, "$lt": prefix + "\U0010ffff"}
            found = {"$and": [found, {"$or": [{"username": span}, {"display_key": span}]}]}
        cursor = self._users.find(found).sort("username", ASCENDING).limit(limit)
        return [_account(document) async for document in cursor]

    async def password_of(self, user: str) -> str | None:
        document = await self._credentials.find_one({"_id": user})
        return str(document["password"]) if document else None

    async def set_password(self, user: str, password_hash: str) -> None:
        await self._credentials.update_one({"_id": user}, {"$set": {"password": password_hash}})

    async def _one(self, query: dict[str, Any]) -> Account | None:
        document = await self._users.find_one(query)
        return _account(document) if document else None


def taken(field: str) -> Refusal:
    detail = _TAKEN[field]
    return Refusal(Code.CONFLICT, f"{field}: {detail}; choose another.", errors=(FieldError(field, detail),))


def _account(document: dict[str, object]) -> Account:
    return msgspec.convert({**document, "id": document["_id"]}, Account)
