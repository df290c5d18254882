"""The queue of datagrams: in order, and nobody waits for somebody else's room."""

import pytest

from trunkline._core.datagram_queue import OVERHEAD, DatagramQueue, QueuedDatagram


def queued(*datagrams: tuple[str, str]) -> DatagramQueue:
    queue = DatagramQueue()
    for data, target in datagrams:
        queue.append((data.encode(), target, ()))
    return queue


class Sending:
    """Has room for so many datagrams for each target."""

    def __init__(self, **room: int) -> None:
        self.room = room
        self.gone: list[str] = []

    def __call__(self, datagram: QueuedDatagram) -> bool:
        data, target, _ = datagram
        if not self.room.get(target, 0):
            return False
        self.room[target] -= 1
        self.gone.append(data.decode())
        return True


def test_they_leave_in_order_as_far_as_there_is_room() -> None:
    queue = queued(("a", "x"), ("bc", "x"), ("", "x"))
    assert (len(queue), queue.size) == (3, 3 + 3 * OVERHEAD)
    sending = Sending(x=2)
    queue.send(sending, each_has_room=False)
    assert sending.gone == ["a", "bc"]
    assert (len(queue), queue.size) == (1, OVERHEAD)
    sending.room["x"] = 9
    queue.send(sending, each_has_room=False)
    assert (sending.gone, len(queue), queue.size) == (["a", "bc", ""], 0, 0)


def test_the_first_without_room_holds_all_up_where_room_is_common() -> None:
    queue = queued(("a", "x"), ("b", "y"))
    sending = Sending(y=1)
    queue.send(sending, each_has_room=False)
    assert sending.gone == []


def test_it_holds_up_nobody_else_where_each_has_his_own() -> None:
    queue = queued(("a", "x"), ("b", "y"), ("c", "x"), ("d", "z"), ("e", "y"))
    sending = Sending(y=1, z=1)
    queue.send(sending, each_has_room=True)
    assert sending.gone == ["b", "d"]
    assert [queue.has_some_for(each) for each in "xyz"] == [True, True, False]
    sending.room = {"x": 9, "y": 9}
    queue.send(sending, each_has_room=True)
    assert sending.gone == ["b", "d", "a", "c", "e"]
    assert not any(queue.has_some_for(each) for each in "xyz")


@pytest.mark.parametrize("each_has_room", [True, False])
def test_what_fails_loses_none(each_has_room: bool) -> None:
    queue = queued(("a", "x"), ("b", "y"), ("c", "y"))
    size = queue.size

    def fail(datagram: QueuedDatagram) -> bool:
        if datagram[1] == "x" and each_has_room:
            return False
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.send(fail, each_has_room=each_has_room)
    assert (len(queue), queue.size) == (3, size)
    sending = Sending(x=9, y=9)
    queue.send(sending, each_has_room=each_has_room)
    assert sending.gone == ["a", "b", "c"]


@pytest.mark.parametrize("each_has_room", [True, False])
def test_it_may_be_cleared_while_something_is_sent(each_has_room: bool) -> None:
    queue = queued(("a", "x"), ("b", "y"), ("c", "y"))

    def clear(datagram: QueuedDatagram) -> bool:
        if datagram[1] == "x" and each_has_room:
            return False
        queue.clear()
        queue.append((b"new", "z", ()))
        return True

    queue.send(clear, each_has_room=each_has_room)
    assert (len(queue), queue.size) == (1, 3 + OVERHEAD)
    assert [queue.has_some_for(each) for each in "xyz"] == [False, False, True]
