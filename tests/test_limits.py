"""Limits: how they are written down, and that a moving window admits its quota and never one more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.actors import Client
from taskapi.errors import BadStart, TooMany
from taskapi.limits import DEFAULTS, Limiter, Policy, is_dry_run, policies_from
from taskapi.settings import load_settings

NAME = "login_account"


def limiter(quota: int, seconds: int, clock: Callable[[], float] = lambda: 0.0) -> Limiter:
    return Limiter({NAME: Policy(NAME, quota, seconds)}, clock)


def test_the_limits_that_were_promised_are_the_defaults() -> None:
    assert policies_from("") == DEFAULTS
    assert DEFAULTS["login_account"] == Policy("login_account", 10, 300)
    assert DEFAULTS["login_address"] == Policy("login_address", 50, 300)
    assert {"register", "forgot", "refresh"} <= DEFAULTS.keys()


@pytest.mark.parametrize("text", ["off", " off "])
def test_off_means_no_limit_at_all(text: str) -> None:
    assert policies_from(text) == {}
    without = Limiter(policies_from(text))
    assert without.take(NAME, "anybody") is None
    assert without.peek(NAME, "anybody") is None
    assert without.policy(NAME) is None
    without.give_back(NAME, "anybody")


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(DEFAULTS)),
        st.tuples(
            st.integers(0, 10**6),
            st.integers(1, 999) | st.none(),
            st.sampled_from(["second", "minute", "hour", "day"]),
            st.sampled_from(["", "s"]),
        ),
    ),
    st.sampled_from([",", " , ", ",,"]),
)
def test_changes_replace_the_defaults_they_name_and_no_other(
    changes: dict[str, tuple[int, int | None, str, str]], comma: str
) -> None:
    written = comma.join(
        f"{name}={count}/{every or ''}{unit}{plural}"
        for name, (count, every, unit, plural) in changes.items()
    )
    in_seconds = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
    expected = {
        name: Policy(name, count, (every or 1) * in_seconds[unit])
        for name, (count, every, unit, _) in changes.items()
    }
    assert policies_from(written) == DEFAULTS | expected


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "login_account",
        "login_account=10",
        "login_account=10/fortnight",
        "login_account=-1/minute",
        "login_account=ten/minute",
        "login_account=1.5/minute",
        "login_account=10/0minute",
        "no_such_limit=10/minute",
        "off,register=1/hour",
        "register=1/hour;forgot=1/hour",
    ],
)
def test_limits_that_cannot_be_read_keep_the_service_from_starting(text: str) -> None:
    with pytest.raises(BadStart, match="TASKAPI_LIMITS"):
        load_settings(TASKAPI_LIMITS=text)


@settings(max_examples=300, deadline=None)
@given(
    quota=st.integers(0, 4),
    seconds=st.integers(1, 10),
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 0, 1, 2, 3, 7, 10, 11]), st.sampled_from(["take", "peek", "give_back"])
        ),
        max_size=50,
    ),
)
def test_no_window_wherever_it_begins_holds_more_than_the_quota(
    quota: int, seconds: int, steps: list[tuple[int, str]]
) -> None:
    moment = 0
    tried = limiter(quota, seconds, lambda: float(moment))
    admitted: list[int] = []
    for wait, what in steps:
        moment += wait
        recent = [one for one in admitted if one > moment - seconds]
        if what == "give_back":
            tried.give_back(NAME, "x")
            admitted = admitted[: len(admitted) - bool(recent)]
            continue
        verdict = tried.take(NAME, "x") if what == "take" else tried.peek(NAME, "x")
        assert verdict is not None
        if what == "take":
            assert verdict.admitted == (len(recent) < quota), "refused only where the quota is used up"
            if verdict.admitted:
                admitted.append(moment)
                recent.append(moment)
        assert verdict.remaining == quota - len(recent)
        assert verdict.reset == (recent[0] + seconds - moment if recent else 0)
    for begin in range(moment + 1):
        assert sum(begin <= one < begin + seconds for one in admitted) <= quota


@settings(max_examples=100, deadline=None)
@given(quota=st.integers(1, 5), before=st.integers(0, 5), tries=st.integers(0, 20))
def test_tries_that_are_given_back_were_never_made(quota: int, before: int, tries: int) -> None:
    tried = limiter(quota, 60)
    for _ in range(before):
        tried.take(NAME, "x")
    standing = tried.peek(NAME, "x")
    assert standing is not None
    for _ in range(tries if standing.remaining else 0):
        tried.take(NAME, "x")
        tried.give_back(NAME, "x")
    assert tried.peek(NAME, "x") == standing


def test_keys_and_policies_do_not_share_a_budget() -> None:
    both = Limiter({"register": Policy("register", 1, 60), "refresh": Policy("refresh", 1, 60)})
    for policy in ("register", "refresh"):
        for key in ("a", "b"):
            first, second = both.take(policy, key), both.take(policy, key)
            assert first is not None
            assert second is not None
            assert (first.admitted, second.admitted) == (True, False)


def test_tries_at_once_from_many_threads_admit_the_quota_exactly() -> None:
    tried = limiter(10, 60)
    start = Barrier(8)

    def some(_: int) -> int:
        start.wait(timeout=30)
        verdicts = [tried.take(NAME, "x") for _ in range(20)]
        return sum(verdict is not None and verdict.admitted for verdict in verdicts)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(some, range(8))) == 10


def test_keys_of_an_attacker_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskapi.limits._MOST_KEYS", 100)
    tried = limiter(1, 60)
    for i in range(1000):
        tried.take(NAME, str(i))
    assert len(tried._windows[NAME]) == 100


def test_in_a_dry_run_nobody_is_refused_and_the_log_says_who_would_have_been(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = f"dry-run, {NAME}=2/hour"
    assert policies_from(text) == DEFAULTS | {NAME: Policy(NAME, 2, 3600)}
    assert is_dry_run(text)
    assert not is_dry_run(f"{NAME}=2/hour")
    counting = Limiter(policies_from(text), dry_run=True)
    verdicts = [counting.take(NAME, "ann") for _ in range(4)]
    assert [one is not None and one.admitted for one in verdicts] == [True] * 4
    assert [one is not None and one.remaining for one in verdicts] == [1, 0, 0, 0]
    assert caplog.text.count("would have refused") == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 6), max_size=12), st.integers(0, 12))
def test_many_tries_at_once_are_counted_whole_or_not_at_all(wanted: list[int], quota: int) -> None:
    counting = limiter(quota, 60)
    left = quota
    for tries in wanted:
        verdict = counting.take(NAME, "ann", tries)
        assert verdict is not None
        assert verdict.admitted == (tries <= left)
        left -= tries if verdict.admitted else 0
        assert verdict.remaining == left


def test_who_is_refused_many_is_told_when_as_many_are_free() -> None:
    time = [0.0]
    counting = limiter(5, 60, lambda: time[0])
    for moment in (0, 10, 20):
        time[0] = moment
        counting.take(NAME, "ann")
    for tries, wait in ((3, 40), (4, 50), (5, 60), (6, 60)):
        refused = counting.take(NAME, "ann", tries)
        assert refused is not None
        assert (refused.admitted, refused.wait, refused.reset) == (False, wait, 40)
    with pytest.raises(TooMany) as told:
        counting.spend(NAME, "ann", 4)
    assert told.value.headers["Retry-After"] == "50"


def test_tries_of_one_kind_make_none_of_another_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskapi.limits._MOST_KEYS", 100)
    counting = Limiter({name: Policy(name, 1, 60) for name in (NAME, "refresh")})
    counting.take(NAME, "ann")
    for number in range(1000):
        counting.take("refresh", str(number))
    refused = counting.take(NAME, "ann")
    assert refused is not None
    assert not refused.admitted


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_of_ipv6_one_customers_network_is_counted_as_one(address: str, network: str) -> None:
    assert Client(address, "", "").network == network
