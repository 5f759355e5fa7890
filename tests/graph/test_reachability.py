"""What is reached in a graph, cycles included."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.graph.reachability import closure, reachable

GRAPHS = st.integers(0, 8).flatmap(
    lambda size: st.lists(
        st.frozensets(st.integers(0, size - 1), max_size=3) if size else st.nothing(),
        min_size=size,
        max_size=size,
    )
)


@settings(max_examples=300, deadline=None)
@given(edges=GRAPHS)
def test_the_closure_is_what_a_walk_from_each_node_reaches(edges: list[frozenset[int]]) -> None:
    assert closure(edges) == [reachable({node}, edges) for node in range(len(edges))]


def test_a_cycle_shares_what_it_reaches() -> None:
    first, second, third = closure([{1}, {0, 2}, set()])
    assert first == {0, 1, 2}
    assert second is first
    assert third == {2}


def test_a_long_path_is_no_recursion() -> None:
    found = closure([{node + 1} for node in range(2_000)] + [set()])
    assert len(found[0]) == 2_001
