"""Remembering things for as long as each of them is good."""

import pytest

from trunkline._core.ttl_cache import TTLCache
from trunkline.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_value_is_there_until_its_time_is_over(clock: ManualClock) -> None:
    cache: TTLCache[str, int] = TTLCache(10, clock)
    assert cache.get("a") is None
    cache.put("a", 1, 5)
    clock.advance(4)
    assert cache.get("a") == (1, 1)
    clock.advance(1)
    assert cache.get("a") is None
    assert len(cache) == 0
    assert (cache.hits, cache.misses) == (1, 2)


def test_the_first_of_some_keys_counts_that_has_a_value(clock: ManualClock) -> None:
    cache: TTLCache[str, int] = TTLCache(10, clock)
    cache.put("b", 2, 5)
    cache.put("c", 3, 9)
    assert cache.get("a", "b", "c") == (2, 5)
    clock.advance(5)
    assert cache.get("a", "b", "c") == (3, 4)
    assert cache.get("a", "b") is None
    assert (cache.hits, cache.misses) == (2, 1)


def test_a_newer_value_stands_for_the_older_one(clock: ManualClock) -> None:
    cache: TTLCache[str, int] = TTLCache(10, clock)
    cache.put("a", 1, 5)
    cache.put("a", 2, 7)
    assert cache.get("a") == (2, 7)
    cache.put("a", 3, 0)
    assert cache.get("a") is None


def test_what_was_not_asked_for_the_longest_goes_first(clock: ManualClock) -> None:
    cache: TTLCache[int, int] = TTLCache(3, clock)
    for number in range(3):
        cache.put(number, number, 10)
    cache.get(0)
    cache.put(3, 3, 10)
    assert [key for key, _, _ in cache] == [2, 0, 3]


def test_it_can_be_looked_at_and_cleared(clock: ManualClock) -> None:
    cache: TTLCache[str, int] = TTLCache(10, clock)
    cache.put("a", 1, 5)
    cache.put("b", 2, 8)
    clock.advance(6)
    assert list(cache) == [("b", 2, 2)]
    assert cache.forget("b")
    assert not cache.forget("b")
    cache.put("c", 3, 1)
    cache.clear()
    assert list(cache) == []
    assert cache.get("c") is None


def test_there_may_be_no_cache_at_all(clock: ManualClock) -> None:
    cache: TTLCache[str, int] = TTLCache(0, clock)
    cache.put("a", 1, 5)
    assert cache.get("a") is None
    with pytest.raises(ValueError, match="size"):
        TTLCache(-1, clock)
