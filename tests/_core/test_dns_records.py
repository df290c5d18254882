"""Records: typed, and not to be changed."""

from dataclasses import FrozenInstanceError

import pytest
from support.zone import OF_EACH_TYPE

from trunkline.names import DNSRecord, RecordType


@pytest.mark.parametrize("record", OF_EACH_TYPE.values(), ids=type)
def test_a_record_has_a_type_and_stays_as_it_is(record: DNSRecord) -> None:
    assert RecordType(record.type).name in type(record).__name__
    assert isinstance(record.ttl, int)
    with pytest.raises(FrozenInstanceError):
        record.ttl = 0  # type: ignore[misc]
    assert {record: 1}[record] == 1


def test_there_is_one_of_each_type() -> None:
    types = {record.type for record in OF_EACH_TYPE.values()}
    assert types == set(RecordType) - {RecordType.ANY}
