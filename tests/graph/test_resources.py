"""What a statement asks of its machine, in its attributes and in the comment above it."""

import pytest

from sqlflow_dagster import compile_program
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.graph.resources import Resources, step_resources

NOTHING = Resources()


def resources(sql: str) -> list[Resources]:
    """Of each step of a program."""
    return [step_resources(step) for step in compile_program(sql).steps]


def predict(attributes: str) -> str:
    return f"SELECT * FROM t TO PREDICT p.y WITH {attributes} USING m"


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        pytest.param("resources.cpu = 2", Resources(cpu="2"), id="cpu"),
        pytest.param("resources.cpu = 0.5", Resources(cpu="0.5"), id="half a cpu"),
        pytest.param('resources.cpu = "250m"', Resources(cpu="250m"), id="thousandths of a cpu"),
        pytest.param('resources.memory = "8Gi"', Resources(memory="8Gi"), id="memory"),
        pytest.param("resources.memory = 1000000", Resources(memory="1000000"), id="bytes"),
        pytest.param('resources.memory = "1e9"', Resources(memory="1e9"), id="exponent"),
        pytest.param('RESOURCES.Memory = "1.5G"', Resources(memory="1.5G"), id="case"),
        pytest.param("resources.gpu = 2", Resources(gpu=2), id="gpu"),
        pytest.param(
            "resources.image = registry/a:1", Resources(image="registry/a:1"), id="image as a word"
        ),
        pytest.param(
            'resources.image = "registry.example.com:5000/a/b@sha256:00ff"',
            Resources(image="registry.example.com:5000/a/b@sha256:00ff"),
            id="image in quotes",
        ),
        pytest.param(
            'resources.node_selector = "zone=b, example.com/disk=ssd"',
            Resources(node_selector=(("example.com/disk", "ssd"), ("zone", "b"))),
            id="nodes",
        ),
        pytest.param(
            'resources.node_selector = ["zone=b", "disk="]',
            Resources(node_selector=(("disk", ""), ("zone", "b"))),
            id="nodes as a list",
        ),
    ],
)
def test_attributes(attributes: str, wanted: Resources) -> None:
    assert resources(predict(attributes)) == [wanted]


@pytest.mark.parametrize(
    ("comment", "wanted"),
    [
        pytest.param("-- sqlflow: resources.memory=8Gi", Resources(memory="8Gi"), id="one"),
        pytest.param(
            "  --SQLFlow: resources.memory = 8Gi resources.cpu='2', resources.gpu=1",
            Resources(memory="8Gi", cpu="2", gpu=1),
            id="several",
        ),
        pytest.param(
            "-- sqlflow: resources.cpu=1\n-- A note.\n-- sqlflow: resources.gpu=1",
            Resources(cpu="1", gpu=1),
            id="several lines",
        ),
        pytest.param(
            "-- sqlflow: resources.cpu=1, reads a, b writes c", Resources(cpu="1"), id="others too"
        ),
        pytest.param("-- sqlflow: resources.cpu=1\r", Resources(cpu="1"), id="lines of Windows"),
        pytest.param("-- resources.cpu=1", NOTHING, id="not ours"),
        pytest.param(
            "-- sqlflow: resources.cpu=1\n\n", Resources(cpu="1"), id="a blank line between"
        ),
        pytest.param("/*\n-- sqlflow: resources.cpu=1\n*/", NOTHING, id="in another comment"),
    ],
)
def test_comment_above_a_statement(comment: str, wanted: Resources) -> None:
    assert resources(f"SELECT 0;\n{comment}\nSELECT 1") == [NOTHING, wanted]


def test_a_comment_is_of_the_next_statement_only() -> None:
    sql = (
        "-- sqlflow: resources.cpu=1\nSELECT 1; SELECT 2;\nSELECT 3 -- sqlflow: resources.cpu=3\n;"
    )
    assert resources(sql) == [Resources(cpu="1"), NOTHING, NOTHING]


def test_a_generated_table_asks_for_nothing() -> None:
    sql = (
        "-- sqlflow: resources.cpu=4\nSELECT DISTINCT a, b FROM t "
        'TO TRAIN xgboost.gbtree WITH resources.memory="8Gi" LABEL b INTO m'
    )
    assert resources(sql) == [NOTHING, Resources(cpu="4", memory="8Gi")]


@pytest.mark.parametrize(
    ("attributes", "message", "hint"),
    [
        pytest.param(
            'resources.memory = "8GB"',
            "resources.memory wants a quantity of memory such as 8Gi or 512Mi, "
            "but its value is '8GB'",
            "did you mean '8Gi'?",
            id="GB",
        ),
        pytest.param(
            'resources.memory = "512m"',
            "resources.memory wants a quantity of memory such as 8Gi or 512Mi, "
            "but its value is '512m'",
            "did you mean '512Mi'?",
            id="thousandths of a byte",
        ),
        pytest.param(
            'resources.memory = "much"',
            "resources.memory wants a quantity of memory such as 8Gi or 512Mi, "
            "but its value is 'much'",
            None,
            id="no quantity",
        ),
        pytest.param(
            "resources.cpu = 0",
            "resources.cpu wants a number of processors such as 2, 0.5 or 500m, "
            "but its value is '0'",
            None,
            id="no cpu",
        ),
        pytest.param(
            "resources.gpu = 0.5",
            "resources.gpu wants a number of graphics processors from 1, but its value is '0.5'",
            None,
            id="half a gpu",
        ),
        pytest.param(
            'resources.image = "a b"',
            "resources.image wants the name of an image such as "
            "registry.example.com/sqlflow:1.0, but its value is 'a b'",
            None,
            id="image",
        ),
        pytest.param(
            'resources.node_selector = "ssd"',
            'resources.node_selector wants labels of a node such as "disk=ssd, zone=a", '
            "but its value is 'ssd'",
            None,
            id="nodes",
        ),
        pytest.param(
            "resources.memroy = 1",
            "unknown attribute 'resources.memroy'",
            "did you mean 'resources.memory'?",
            id="misspelt",
        ),
        pytest.param(
            "resources.disk = 1",
            "unknown attribute 'resources.disk'",
            "known: resources.cpu, resources.gpu, resources.image, resources.memory, "
            "resources.node_selector",
            id="unknown",
        ),
    ],
)
def test_bad_attributes(attributes: str, message: str, hint: str | None) -> None:
    with pytest.raises(CompileError) as caught:
        resources(predict(attributes))
    (problem,) = caught.value.diagnostics
    assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.parametrize(
    ("sql", "place", "message"),
    [
        pytest.param(
            "SELECT 0;\n-- sqlflow: resources.memory=8GB\nSELECT 1",
            "<sql>:2:30",
            "but its value is '8GB'",
            id="value in a comment",
        ),
        pytest.param(
            "-- sqlflow: resources.memory\nSELECT 1",
            "<sql>:1:13",
            "but its value is ''",
            id="no equals sign in a comment",
        ),
        pytest.param(
            f"-- sqlflow: resources.cpu=1\n{predict('resources.cpu=2')}",
            "<sql>:1:27",
            "resources.cpu is given twice",
            id="attribute and comment",
        ),
        pytest.param(
            predict('resources.memory="x"'), "<sql>:1:54", "but its value is 'x'", id="attribute"
        ),
    ],
)
def test_an_error_has_its_place(sql: str, place: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        resources(sql)
    (problem,) = caught.value.diagnostics
    assert str(problem.span) == place
    assert message in problem.message


@pytest.mark.parametrize(
    ("attributes", "image"),
    [
        pytest.param("", "hub.io/tool:v1", id="its own"),
        pytest.param("WITH resources.image = other", "other", id="another"),
    ],
)
def test_a_program_runs_in_the_image_that_holds_it(attributes: str, image: str) -> None:
    sql = f'SELECT * FROM t TO RUN hub.io/tool:v1 CMD "tool" {attributes} INTO r'
    assert resources(sql) == [Resources(image=image)]
