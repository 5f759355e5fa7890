"""The machine-learning clause: every production, in any order of its parts, and its errors."""

import pickle

import pytest

from sqlflow_dagster.lang.clause_parser import ClauseError, parse_clause, parse_show_train
from sqlflow_dagster.lang.expressions import (
    Call,
    Expression,
    ListExpression,
    Literal,
    Name,
    Unary,
    chain,
    expression_text,
    expression_value,
)
from sqlflow_dagster.lang.statements import (
    Attribute,
    ColumnClause,
    Constraint,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    QueryStatement,
    RunStatement,
    Sense,
    ShowTrainStatement,
    TrainStatement,
    attribute,
)
from sqlflow_dagster.source import Source

QUERY = Query(sql="SELECT * FROM t")


def parsed(text: str) -> QueryStatement:
    source = Source(text=text)
    return parse_clause(source, 0, len(text), QUERY, source.span(0, len(text)))


def failure(text: str) -> tuple[str, str, str | None]:
    """The message of a bad clause, the text under its caret and its hint."""
    with pytest.raises(ClauseError) as caught:
        parsed(text)
    diagnostic = caught.value.diagnostic
    assert diagnostic.span is not None
    return diagnostic.message, diagnostic.span.text, diagnostic.hint


def name(*parts: str) -> QualifiedName:
    return QualifiedName(parts=parts)


def model(*parts: str, version: int | None = None) -> ModelReference:
    return ModelReference(name=name(*parts), version=version)


def connected(*, operator: str, left: Expression, right: Expression) -> Expression:
    return chain(left, [(operator, right)])


def value(text: str) -> Expression:
    """The expression of an attribute."""
    return parsed(f"TO TRAIN e WITH a={text} INTO m").attributes[0].expression


TRAIN = TrainStatement(
    query=QUERY,
    estimator="DNNClassifier",
    attributes=(
        Attribute(name="model.n", expression=Literal(value=3)),
        Attribute(name="o", expression=Name(name="Adam")),
    ),
    columns=(ColumnClause(columns=(Name(name="a"), Name(name="b"))),),
    label=Name(name="class"),
    base_model=model("base"),
    into=name("s", "m"),
)


@pytest.mark.parametrize(
    "clauses",
    [
        "WITH model.n=3, o=Adam COLUMN a, b LABEL class USING base INTO s.m",
        "INTO s.m USING base LABEL class COLUMN a, b WITH model.n=3, o=Adam",
        "label class into s.m with model.n = 3 , o = Adam using base column a , b",
        "COLUMN a,b WITH model.n=3,o=Adam OUTPUT class USING base INTO s.m -- end",
        "/* c */ COLUMN a, b -- d\n WITH model.n=3, o=Adam LABEL class INTO s.m USING base",
    ],
)
def test_train_with_its_clauses_in_any_order(clauses: str) -> None:
    assert parsed(f"TO TRAIN DNNClassifier {clauses}") == TRAIN
    assert parsed(f"TRAIN DNNClassifier {clauses}") == TRAIN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "TO TRAIN xgboost.gbtree INTO m",
            TrainStatement(query=QUERY, estimator="xgboost.gbtree", into=name("m")),
            id="train alone",
        ),
        pytest.param(
            'TO TRAIN "hub/x:v1/My Model" LABEL "the class" INTO m',
            TrainStatement(
                query=QUERY,
                estimator="hub/x:v1/My Model",
                label=Literal(value="the class"),
                into=name("m"),
            ),
            id="quoted names",
        ),
        pytest.param(
            "TO TRAIN hub.io/x:v0.2/Model LABEL a, b INTO m",
            TrainStatement(
                query=QUERY,
                estimator="hub.io/x:v0.2/Model",
                label=ListExpression(items=(Name(name="a"), Name(name="b"))),
                into=name("m"),
            ),
            id="several labels",
        ),
        pytest.param(
            "TO TRAIN w COLUMN a FOR wide COLUMN *, EMBEDDING(b, 8, sum) FOR deep INTO m",
            TrainStatement(
                query=QUERY,
                estimator="w",
                columns=(
                    ColumnClause(columns=(Name(name="a"),), target="wide"),
                    ColumnClause(
                        columns=(
                            Name(name="*"),
                            Call(
                                function="EMBEDDING",
                                arguments=(Name(name="b"), Literal(value=8), Name(name="sum")),
                            ),
                        ),
                        target="deep",
                    ),
                ),
                into=name("m"),
            ),
            id="columns for two inputs",
        ),
        pytest.param(
            "TO PREDICT iris.predict.class WITH p=1 USING m@3",
            PredictStatement(
                query=QUERY,
                into=name("iris", "predict"),
                column="class",
                model=model("m", version=3),
                attributes=(Attribute(name="p", expression=Literal(value=1)),),
            ),
            id="predict",
        ),
        pytest.param(
            "TO PREDICT p USING s.m",
            PredictStatement(query=QUERY, into=name("p"), column=None, model=model("s", "m")),
            id="predict into a table alone",
        ),
        pytest.param(
            'TO PREDICT "my.schema"."p q".class USING m',
            PredictStatement(
                query=QUERY, into=name("my.schema", "p q"), column="class", model=model("m")
            ),
            id="predict into quoted names",
        ),
        pytest.param(
            "TO EVALUATE m", EvaluateStatement(query=QUERY, model=model("m")), id="evaluate alone"
        ),
        pytest.param(
            'TO EVALUATE m INTO s.r LABEL y WITH validation.metrics="accuracy_score"',
            EvaluateStatement(
                query=QUERY,
                model=model("m"),
                attributes=(
                    Attribute(
                        name="validation.metrics", expression=Literal(value="accuracy_score")
                    ),
                ),
                label=Name(name="y"),
                into=name("s", "r"),
            ),
            id="evaluate",
        ),
        pytest.param(
            "TO EXPLAIN m", ExplainStatement(query=QUERY, model=model("m")), id="explain alone"
        ),
        pytest.param(
            "TO EXPLAIN m USING TreeExplainer INTO r WITH p=bar",
            ExplainStatement(
                query=QUERY,
                model=model("m"),
                attributes=(Attribute(name="p", expression=Name(name="bar")),),
                explainer="TreeExplainer",
                into=name("r"),
            ),
            id="explain",
        ),
        pytest.param(
            "TO RUN img", RunStatement(query=QUERY, image="img"), id="an image and nothing else"
        ),
        pytest.param(
            """TO RUN hub.io:80/group/img:v0.1 CMD "a.py", '--rows=3' INTO s.r1, r2""",
            RunStatement(
                query=QUERY,
                image="hub.io:80/group/img:v0.1",
                command=("a.py", "--rows=3"),
                into=(name("s", "r1"), name("r2")),
            ),
            id="run",
        ),
        pytest.param(
            'TO RUN img INTO r WITH resources.memory="8Gi"',
            RunStatement(
                query=QUERY,
                image="img",
                attributes=(Attribute(name="resources.memory", expression=Literal(value="8Gi")),),
                into=(name("r"),),
            ),
            id="run without a command",
        ),
        pytest.param(
            """TO MAXIMIZE SUM((price - cost) * product)
            CONSTRAINT SUM(hours * product) <= 100 GROUP BY t.shop, product <= max_num
            WITH variables="product", var_type="Integers" USING glpk INTO s.result""",
            OptimizeStatement(
                query=QUERY,
                sense=Sense.MAXIMIZE,
                objective=Call(
                    function="SUM",
                    arguments=(
                        connected(
                            operator="*",
                            left=connected(
                                operator="-", left=Name(name="price"), right=Name(name="cost")
                            ),
                            right=Name(name="product"),
                        ),
                    ),
                ),
                constraints=(
                    Constraint(
                        expression=connected(
                            operator="<=",
                            left=Call(
                                function="SUM",
                                arguments=(
                                    connected(
                                        operator="*",
                                        left=Name(name="hours"),
                                        right=Name(name="product"),
                                    ),
                                ),
                            ),
                            right=Literal(value=100),
                        ),
                        group_by=name("t", "shop"),
                    ),
                    Constraint(
                        expression=connected(
                            operator="<=", left=Name(name="product"), right=Name(name="max_num")
                        )
                    ),
                ),
                attributes=(
                    Attribute(name="variables", expression=Literal(value="product")),
                    Attribute(name="var_type", expression=Literal(value="Integers")),
                ),
                solver="glpk",
                into=name("s", "result"),
            ),
            id="maximize",
        ),
        pytest.param(
            "TO MINIMIZE x INTO r WITH variables=x",
            OptimizeStatement(
                query=QUERY,
                sense=Sense.MINIMIZE,
                objective=Name(name="x"),
                attributes=(Attribute(name="variables", expression=Name(name="x")),),
                into=name("r"),
            ),
            id="minimize",
        ),
        pytest.param(
            "TO TRAIN into WITH label=3, with.x=label COLUMN column, into FOR for OUTPUT label "
            "USING using INTO into",
            TrainStatement(
                query=QUERY,
                estimator="into",
                attributes=(
                    Attribute(name="label", expression=Literal(value=3)),
                    Attribute(name="with.x", expression=Name(name="label")),
                ),
                columns=(
                    ColumnClause(columns=(Name(name="column"), Name(name="into")), target="for"),
                ),
                label=Name(name="label"),
                base_model=model("using"),
                into=name("into"),
            ),
            id="names that are keywords",
        ),
    ],
)
def test_productions(text: str, expected: QueryStatement) -> None:
    assert parsed(text) == expected


def test_show_train() -> None:
    text = "SHOW TRAIN s.m@2"
    source = Source(text=text)
    show = parse_show_train(source, source.span(0, len(text)))
    assert show == ShowTrainStatement(model=model("s", "m", version=2))
    assert str(show.model) == "s.m@2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", Literal(value=1)),
        ("1.5", Literal(value=1.5)),
        (".5", Literal(value=0.5)),
        ("2.", Literal(value=2.0)),
        ("1e-7", Literal(value=1e-07)),
        ("-1", Unary(operator="-", operand=Literal(value=1))),
        ("true", Literal(value=True)),
        ("FALSE", Literal(value=False)),
        ("null", Literal(value=None)),
        ("None", Literal(value=None)),
        ('"1"', Literal(value="1")),
        ("'a \"b\"'", Literal(value='a "b"')),
        ('"it\'s"', Literal(value="it's")),
        ("'it''s'", Literal(value="it's")),
        ('"say ""x"""', Literal(value='say "x"')),
        ('"\\"\\\\"', Literal(value='"\\')),
        ('"C:\\new"', Literal(value="C:\\new")),
        ('"a\nb"', Literal(value="a\nb")),
        ("reg:squarederror", Name(name="reg:squarederror")),
        ("price-cost", Name(name="price-cost")),
        ("_x", Name(name="_x")),
        ("[]", ListExpression(items=())),
        ("[10, [a], 'b']", ListExpression(items=(
            Literal(value=10), ListExpression(items=(Name(name="a"),)), Literal(value="b")))),
        ("f()", Call(function="f", arguments=())),
        ("((1))", Literal(value=1)),
        ("1 + 2 * 3", connected(operator="+", left=Literal(value=1), right=connected(
            operator="*", left=Literal(value=2), right=Literal(value=3)))),
        ("a <> 1 OR NOT b AND c", connected(
            operator="OR",
            left=connected(operator="!=", left=Name(name="a"), right=Literal(value=1)),
            right=connected(operator="AND", left=Unary(operator="NOT", operand=Name(name="b")),
                         right=Name(name="c")))),
        ("- a ** 2", Unary(operator="-", operand=connected(
            operator="**", left=Name(name="a"), right=Literal(value=2)))),
        ("`my col`", Literal(value="my col")),
        ("`it``s`", Literal(value="it`s")),
        ('t.`my col`', Literal(value="t.my col")),
        ('"t"."y"', Literal(value="t.y")),
        ("(a + b) - c", chain(Name(name="a"), [("+", Name(name="b")), ("-", Name(name="c"))])),
        ("8 - 4 - 2", connected(operator="-", right=Literal(value=2), left=connected(
            operator="-", left=Literal(value=8), right=Literal(value=4)))),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)  # fmt: skip
def test_expressions(text: str, expected: Expression) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1.5", -1.5),
        ("[1, [a, 'b']]", (1, ("a", "b"))),
        ("accuracy >= 0.9", "accuracy >= 0.9"),
        ("a > 1 AND NOT b", "a > 1 AND NOT b"),
        ("NOT a", "NOT a"),
        ("f(x, true, null)", "f(x, true, NULL)"),
        ("-x", "-x"),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert parsed(f"TO TRAIN e WITH a={text} INTO m").attributes[0].value == expected


@pytest.mark.parametrize("operator", ["+", "-", "*", "AND", "OR", "="])
def test_a_chain_of_terms_is_not_nested(operator: str) -> None:
    text = f" {operator} ".join(f"c{number}" for number in range(2000))
    found = value(text)
    assert found == value(text)
    assert expression_text(found) == text
    assert expression_value(found) == text
    assert value(f"({text}) {operator} d") == value(f"{text} {operator} d")
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(value(text))
    assert len(repr(found)) > len(text)


def test_names_in_backticks() -> None:
    statement = parsed(
        "TO TRAIN `my``est` WITH `a b` = 1 COLUMN `my col`, NUMERIC(t.`x;y`, 2) FOR `in put` LABEL `the class` "
        "USING `base`.`m`@2 INTO `db`.`my model`"
    )
    assert statement == TrainStatement(
        query=QUERY,
        estimator="my`est",
        attributes=(Attribute(name="a b", expression=Literal(value=1)),),
        columns=(
            ColumnClause(
                columns=(
                    Literal(value="my col"),
                    Call(function="NUMERIC", arguments=(Literal(value="t.x;y"), Literal(value=2))),
                ),
                target="in put",
            ),
        ),
        label=Literal(value="the class"),
        base_model=model("base", "m", version=2),
        into=name("db", "my model"),
    )


def test_attributes_are_found_without_case() -> None:
    statement = parsed('TO TRAIN e WITH Train.Epoch=3, "x y"=4 INTO m')
    found = [attribute(statement, key) for key in ("train.epoch", "X Y", "z")]
    assert [item and item.value for item in found] == [3, 4, None]


@pytest.mark.parametrize(
    ("text", "message", "under_caret", "hint"),
    [
        ("TO FLY x",
         "expected TRAIN, PREDICT, EVALUATE, EXPLAIN, RUN, MAXIMIZE or MINIMIZE after TO, found 'FLY'",
         "FLY", None),
        ("TO TRIAN x",
         "expected TRAIN, PREDICT, EVALUATE, EXPLAIN, RUN, MAXIMIZE or MINIMIZE after TO, found 'TRIAN'",
         "TRIAN", "did you mean 'TRAIN'?"),
        ("TO RUN CMD 'x'", "expected the name of an image after RUN, found 'CMD'", "CMD", None),
        ("TO RUN img CMD x", "expected a string in quotes after CMD, found 'x'", "x", None),
        ("TO RUN img INTO a,", "expected the name of a table, found the end of the statement", "", None),
        ("TO RUN img LABEL y", "expected CMD, WITH, INTO or the end of the statement, found 'LABEL'",
         "LABEL", None),
        ("TO MAXIMIZE INTO r", "expected a value, found 'INTO'", "INTO", None),
        ("TO MAXIMIZE x INTO r", "expected WITH and the variables, found the end of the statement", "",
         None),
        ("TO MINIMIZE x WITH variables='x'",
         "expected INTO and the name of a table, found the end of the statement", "", None),
        ("TO MINIMIZE x CONSTRAINT x > 1 GROUP y WITH v=1 INTO r", "expected 'BY', found 'y'", "y", None),
        ("TO MINIMIZE x CONSTRAINT x > 1 GROUP BY 3 WITH v=1 INTO r",
         "expected the name of a column after GROUP BY, found '3'", "3", None),
        ("TO MINIMIZE x USING WITH v=1 INTO r", "expected the name of a solver after USING, found 'WITH'",
         "WITH", None),
        ("TO TRAIN", "expected the name of an estimator after TRAIN, found the end of the statement", "", None),
        ("TO TRAIN 3 INTO m", "expected the name of an estimator after TRAIN, found '3'", "3", None),
        ("TO TRAIN e LABEL y", "expected INTO and the name of the model, found the end of the statement",
         "", None),
        ("TO TRAIN e INTO", "expected a name after INTO, found the end of the statement", "", None),
        ("TO TRAIN e INTO 'm'.", "expected a name after '.', found the end of the statement", "", None),
        ("TO TRAIN e INTO m LABLE y",
         "expected WITH, COLUMN, LABEL, USING or the end of the statement, found 'LABLE'", "LABLE",
         "did you mean 'LABEL'?"),
        ("TO TRAIN e INTO m INTO n", "INTO is given twice", "INTO", None),
        ("TO TRAIN e LABEL a OUTPUT b INTO m", "LABEL is given twice", "OUTPUT", None),
        ("TO TRAIN e WITH a=1, A=2 INTO m", "attribute 'A' is given twice", "A", None),
        ("TO TRAIN e WITH =1 INTO m", "expected the name of an attribute, found '='", "=", None),
        ("TO TRAIN e WITH a 1 INTO m", "expected '=' after 'a', found '1'", "1", None),
        ("TO TRAIN e WITH a= INTO m", "expected a value, found 'INTO'", "INTO", None),
        ("TO TRAIN e WITH a=1, INTO m", "expected the name of an attribute, found 'INTO'", "INTO", None),
        ("TO TRAIN e WITH a=[1 INTO m", "expected ',' or ']', found 'INTO'", "INTO", None),
        ("TO TRAIN e WITH a=f(1 INTO m", "expected ',' or ')', found 'INTO'", "INTO", None),
        ("TO TRAIN e WITH a=(1 INTO m", "expected ')', found 'INTO'", "INTO", None),
        ("TO TRAIN e COLUMN INTO m", "expected a value, found 'INTO'", "INTO", None),
        ("TO TRAIN e COLUMN a COLUMN b INTO m", "COLUMN is given twice", "COLUMN",
         "name the input that each COLUMN feeds: COLUMN … FOR name"),
        ("TO TRAIN e COLUMN a FOR x COLUMN b FOR x INTO m", "COLUMN … FOR x is given twice", "COLUMN",
         "name the input that each COLUMN feeds: COLUMN … FOR name"),
        ("TO TRAIN e COLUMN a FOR 3 INTO m", "expected a name after FOR, found '3'", "3", None),
        ("TO TRAIN e USING m@x INTO n", "expected a version number after '@', found 'x'", "x", None),
        ("TO PREDICT USING m",
         "expected a table and a column, as in table.column, after PREDICT, found 'USING'", "USING", None),
        ("TO PREDICT t.c", "expected USING and the name of the model, found the end of the statement", "",
         None),
        ("TO PREDICT t.c USING m LABEL y",
         "expected WITH or the end of the statement, found 'LABEL'", "LABEL", None),
        ("TO EVALUATE INTO r", "expected the name of a model, found 'INTO'", "INTO", None),
        ("TO EVALUATE m COLUMN a",
         "expected WITH, LABEL, INTO or the end of the statement, found 'COLUMN'", "COLUMN", None),
        ("TO EXPLAIN m USING",
         "expected the name of an explainer after USING, found the end of the statement", "", None),
        ("TO TRAIN e WITH a=1e999 INTO m", "this number is too large", "1e999", None),
        ("TO TRAIN e WITH a=" + "9" * 5000 + " INTO m", "this number is too large", "9" * 5000, None),
        ("TO PREDICT t.c USING m@" + "9" * 5000,
         "expected a version number after '@', found '" + "9" * 5000 + "'", "9" * 5000, None),
        ("TO PREDICT t.c USING m@0", "expected a version number after '@', found '0'", "0", None),
        ("TO PREDICT t.c USING m@²", "expected a version number after '@', found '²'", "²", None),
        ("TO TRAIN e WITH a=" + "(" * 80 + "1", "this expression is nested more than 64 deep", "(", None),
        ("TO TRAIN e WITH a=" + "1 + (2 * " * 80, "this expression is nested more than 64 deep", "2", None),
        ("TO TRAIN e WITH a=" + "NOT " * 80 + "b", "this expression is nested more than 64 deep", "NOT", None),
    ],
    ids=lambda item: item[:40] if isinstance(item, str) and item.startswith("TO ") else "",
)  # fmt: skip
def test_errors(text: str, message: str, under_caret: str, hint: str | None) -> None:
    assert failure(text) == (message, under_caret, hint)


@pytest.mark.parametrize("text", ["SHOW TRAIN", "SHOW TRAIN m bad"])
def test_errors_of_show_train(text: str) -> None:
    source = Source(text=text)
    with pytest.raises(ClauseError, match="expected"):
        parse_show_train(source, source.span(0, len(text)))


def test_spans_are_where_the_words_are() -> None:
    text = 'TO TRAIN est WITH  a.b = 1 COLUMN x, f(y) FOR z LABEL  l USING s.b INTO "n"."m"'
    statement = parsed(text)
    assert isinstance(statement, TrainStatement)
    spans = [
        statement.estimator_span,
        statement.attributes[0].span,
        statement.columns[0].span,
        statement.columns[0].columns[1].span,
        statement.label.span if statement.label else None,
        statement.base_model.span if statement.base_model else None,
        statement.into.span,
    ]
    expected = ["est", "a.b", "COLUMN", "f", "l", "s.b", '"n"."m"']
    assert [span and span.text for span in spans] == expected
