"""What can be reached in a graph whose nodes are numbers from 0."""

from collections.abc import Collection, Iterable, Sequence


def reachable(start: Iterable[int], edges: Sequence[Collection[int]]) -> frozenset[int]:
    """Some nodes and all that can be reached from them.

    Args:
        start: The nodes.
        edges: For each node, those that it points to.
    """
    found = set(start)
    ahead = list(found)
    while ahead:
        new = set(edges[ahead.pop()]) - found
        found |= new
        ahead += new
    return frozenset(found)


def closure(edges: Sequence[Collection[int]]) -> list[frozenset[int]]:
    """For each node, itself and all that can be reached from it.

    The nodes of a cycle reach the same, so each cycle is walked once (Tarjan's algorithm for strongly connected
    components, 1972); a walk from every node would take the cube of their number.

    Args:
        edges: For each node, those that it points to.
    """
    found: dict[int, frozenset[int]] = {}
    waiting: list[int] = []
    """The nodes that are entered and not found yet: those of unfinished cycles."""
    place: dict[int, int] = {}
    lowest: dict[int, int] = {}
    """The lowest place in ``waiting`` that a node is known to lead back to."""
    for root in range(len(edges)):
        path = [] if root in place else [(root, iter(edges[root]))]
        while path:
            node, ahead = path[-1]
            if node not in place:
                place[node] = lowest[node] = len(waiting)
                waiting.append(node)
            for after in ahead:
                if after not in place:
                    path.append((after, iter(edges[after])))
                    break
                if after not in found:
                    lowest[node] = min(lowest[node], lowest[after])
            else:
                path.pop()
                if lowest[node] < place[node]:
                    before = path[-1][0]
                    lowest[before] = min(lowest[before], lowest[node])
                    continue
                cycle = waiting[place[node] :]
                del waiting[place[node] :]
                beyond = {after for member in cycle for after in edges[member]}.difference(cycle)
                reached = frozenset(cycle).union(*(found[after] for after in beyond))
                found.update(dict.fromkeys(cycle, reached))
    return [found[node] for node in range(len(edges))]
