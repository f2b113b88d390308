"""users.py: who is there, announced when the first client comes, gone when the last has gone."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.relay.users import Change, Client, Users


def client(users: Users, sid: str) -> Client:
    made = Client(sid, "127.0.0.1")
    users.add(made)
    return made


def told(changes: list[Change]) -> list[tuple[str, str, bool]]:
    return [(change.user.name, change.client.sid, change.here) for change in changes]


def test_a_client_is_there_before_its_user_is_known() -> None:
    users = Users()
    one = client(users, "1")
    assert users.get("1") is one
    assert users.clients == (one,)
    assert users.names == ()
    assert one.user is None
    assert one.clients == ()


class Request:
    """What a client came with."""

    auth: ClassVar = {"token": "secret auth"}
    headers: ClassVar = {"User-Agent": "secret headers"}
    cookies: ClassVar = {"login": "secret cookies"}
    query: ClassVar = {"room": "secret query"}

    def enter(self) -> None:
        """See users.ClientRequest."""

    def leave(self, token: Any, /) -> None:
        """See users.ClientRequest."""


def test_a_client_shows_what_it_came_with_to_who_asks_and_not_in_a_log() -> None:
    one = Client("1", "10.1.2.3", _visit=Request(), _register=["secret argument"], _session="secret session")
    Users().join(one, "secret user", registered=True)
    assert (one.auth, one.headers, one.cookies, one.query) == (
        Request.auth, Request.headers, Request.cookies, Request.query,
    )  # fmt: skip
    assert repr(one) == "Client(sid='1', address='10.1.2.3', state={})"


def test_a_client_that_came_without_a_request_has_nothing_from_it() -> None:
    one = Client("1", "10.1.2.3")
    assert (one.auth, one.headers, one.cookies, one.query) == ({}, {}, {}, {})
    assert one._session == ""


def test_a_user_comes_with_its_first_client_and_goes_with_its_last() -> None:
    users = Users()
    one, two = client(users, "1"), client(users, "2")
    assert told(users.join(one, "ann", registered=True)) == [("ann", "1", True)]
    assert told(users.join(two, "ann", registered=True)) == []
    assert [c.sid for c in one.clients] == [c.sid for c in two.clients] == ["1", "2"]
    assert told(users.remove("1")) == []
    assert [c.sid for c in two.clients] == ["2"]
    assert told(users.remove("2")) == [("ann", "2", False)]
    assert users.names == ()
    assert users.clients == ()


def test_a_client_that_goes_before_its_user_is_known_is_no_change() -> None:
    users = Users()
    client(users, "1")
    assert users.remove("1") == []
    assert users.remove("1") == []
    assert users.remove("never there") == []


def test_whoever_is_told_that_a_user_went_still_has_its_name() -> None:
    users = Users()
    one = client(users, "1")
    users.join(one, "ann", registered=False)
    (change,) = users.remove("1")
    assert change.client is one
    assert one.user == "ann"
    assert one.clients == ()


def test_a_user_remembers_whether_it_registered() -> None:
    users = Users()
    (by_sid,) = users.join(client(users, "1"), "1", registered=False)
    (by_name,) = users.join(client(users, "2"), "ann", registered=True)
    assert (by_sid.user.registered, by_name.user.registered) == (False, True)


def test_a_client_that_changes_its_user_is_released_first() -> None:
    users = Users()
    one = client(users, "1")
    users.join(one, "ann", registered=True)
    assert told(users.release(one)) == [("ann", "1", False)]
    assert told(users.release(one)) == []
    assert told(users.join(one, "bob", registered=True)) == [("bob", "1", True)]
    assert users.names == ("bob",)
    assert one.user == "bob"


def test_a_user_that_comes_back_comes_anew() -> None:
    users = Users()
    one = client(users, "1")
    (first,) = users.join(one, "ann", registered=True)
    users.release(one)
    (second,) = users.join(one, "ann", registered=True)
    assert first.user is not second.user


def test_everybody_who_is_there_is_told_of_once_with_the_oldest_client() -> None:
    users = Users()
    for sid, name in (("1", "ann"), ("2", "bob"), ("3", "ann")):
        users.join(client(users, sid), name, registered=True)
    client(users, "4")
    assert told(list(users.present())) == [("ann", "1", True), ("bob", "2", True)]
    users.remove("1")
    assert told(list(users.present())) == [("ann", "3", True), ("bob", "2", True)]


def test_the_sids_of_users_are_each_there_once_and_who_is_not_there_is_counted_once() -> None:
    users = Users()
    for sid, name in (("1", "ann"), ("2", "bob"), ("3", "ann")):
        users.join(client(users, sid), name, registered=True)
    assert users.sids(["ann"]) == (("1", "3"), 0)
    assert users.sids(["bob", "ann", "bob", "ann"]) == (("2", "1", "3"), 0)
    assert users.sids(["zoe", "ann", "zoe", "yan"]) == (("1", "3"), 2)
    assert users.sids([]) == ((), 0)
    assert users.sids(["Ann", "ann "]) == ((), 2)


def test_each_client_has_a_state_of_its_own() -> None:
    users = Users()
    one, two = client(users, "1"), client(users, "2")
    one.state["x"] = 1
    assert two.state == {}


class AnyOrder(RuleBasedStateMachine):
    """Clients come, change their users and go in any order; a plain dict is the oracle."""

    @initialize()
    def begin(self) -> None:
        self.users = Users()
        self.model: dict[str, str | None] = {}
        self.there: set[str] = set()
        self.count = 0

    @rule()
    def come(self) -> None:
        self.count += 1
        self.model[str(self.count)] = None
        client(self.users, str(self.count))

    @rule(data=st.data(), name=st.sampled_from(["ann", "bob", "carl"]))
    def become(self, data: st.DataObject, name: str) -> None:
        if self.model:
            sid = data.draw(st.sampled_from(sorted(self.model)))
            one = self.users.get(sid)
            assert one is not None
            self.apply(self.users.release(one))
            self.apply(self.users.join(one, name, registered=True))
            self.model[sid] = name

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        if self.model:
            sid = data.draw(st.sampled_from(sorted(self.model)))
            self.apply(self.users.remove(sid))
            del self.model[sid]

    def apply(self, changes: list[Change]) -> None:
        """Nobody comes who is there, nobody goes who is not."""
        for change in changes:
            assert (change.user.name in self.there) is not change.here
            (self.there.add if change.here else self.there.remove)(change.user.name)

    @invariant()
    def the_tables_agree(self) -> None:
        if hasattr(self, "users"):
            names = {name for name in self.model.values() if name}
            assert set(self.users.names) == self.there == names
            assert [one.sid for one in self.users.clients] == list(self.model)
            for one in self.users.clients:
                assert one.user == self.model[one.sid]
            for name in names:
                sids, missing = self.users.sids([name])
                assert set(sids) == {sid for sid, user in self.model.items() if user == name}
                assert missing == 0


TestAnyOrder = AnyOrder.TestCase


def test_a_client_that_is_away_keeps_its_user_and_is_who_it_was_when_it_is_back() -> None:
    users = Users()
    one = client(users, "1")
    users.join(one, "ann", registered=True)
    users.leave("1")
    assert (users.get("1"), users.clients, users.names) == (None, (), ("ann",))
    assert users.sids(["ann"]) == (("1",), 0)
    assert told(list(users.present())) == [("ann", "1", True)]
    assert users.back("1") == (one, [])
    assert users.get("1") is one
    assert one.clients == (one,)


def test_a_user_goes_when_its_last_client_is_given_up_and_comes_again_with_it() -> None:
    users = Users()
    one, two = client(users, "1"), client(users, "2")
    users.join(one, "ann", registered=True)
    users.join(two, "ann", registered=True)
    users.leave("1")
    users.leave("2")
    assert told(users.give_up("1")) == []
    assert told(users.give_up("2")) == [("ann", "2", False)]
    assert users.names == ()
    assert users.sids(["ann"]) == (("1", "2"), 0)
    back, changes = users.back("2")
    assert back is two
    assert told(changes) == [("ann", "2", True)]
    assert users.back("1") == (one, [])
    assert two.clients == (two, one)
    assert users.sids(["ann"]) == (("2", "1"), 0)


def test_who_is_forgotten_or_left_for_good_is_nobody() -> None:
    users = Users()
    for sid in "123":
        users.join(client(users, sid), f"u{sid}", registered=True)
        users.leave(sid)
    users.give_up("1")
    users.give_up("2")
    users.forget("1")
    users.forget("1")
    assert told(users.remove("2")) == []
    assert told(users.remove("3")) == [("u3", "3", False)]
    assert users.sids(["u1", "u2", "u3"]) == ((), 3)
    assert [users.back(sid) for sid in "123"] == [(None, [])] * 3


def test_a_client_without_a_user_may_be_away_too() -> None:
    users = Users()
    one = client(users, "1")
    users.leave("1")
    assert users.give_up("1") == []
    assert users.back("1") == (one, [])
    users.leave("1")
    assert users.back("1") == (one, [])
    assert users.give_up("1") == []
    users.leave("nobody")
