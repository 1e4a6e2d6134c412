"""The suite that every index passes, inside PostgreSQL."""

from tests.unit.collector.index.test_behaviour import *  # noqa: F403  the very functions
from tests.unit.collector.index.test_sql import (  # noqa: F401
    test_more_parts_than_are_counted_one_by_one_are_counted_together,
    test_rows_that_are_looked_for_piece_by_piece_are_those_that_are_sorted_at_once,
    test_what_many_hosts_have_alike_is_stored_once_and_gone_with_the_last_of_them,
)
