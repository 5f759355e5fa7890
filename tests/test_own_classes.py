"""The allow-list of the user's own classes: nothing is imported that it does not name."""

import sys
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, PluginError
from sqlflow_dagster.own_classes import TRAINERS_VARIABLE, allowed, allowing, is_allowed, load_class


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a class of its own, one that it imports, and a function."""
    (tmp_path / "own_shop").mkdir()
    (tmp_path / "own_shop" / "__init__.py").write_text("")
    (tmp_path / "own_shop" / "models.py").write_text(
        "from subprocess import Popen\nclass Churn:\n    pass\ndef fit():\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("own_shop", "own_shop.models"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delenv(TRAINERS_VARIABLE, raising=False)


@pytest.mark.parametrize("pattern", ["own_shop.models.Churn", "own_shop.models.*", "own_shop.*"])
def test_a_class_that_the_list_names(pattern: str) -> None:
    with allowing([pattern]):
        assert load_class("own_shop.models.Churn").__name__ == "Churn"
    assert not is_allowed("own_shop.models.Churn")


def test_the_list_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRAINERS_VARIABLE, "own_shop.*, other.Model")
    assert allowed() == ("own_shop.*", "other.Model")
    with allowing([]):
        assert allowed() == ()
    with allowing(None):
        assert is_allowed("other.Model")


@pytest.mark.parametrize(
    ("patterns", "name", "message"),
    [
        ([], "own_shop.models.Churn", "not a class that programs may use; add it to SQLFLOW_TRA"),
        (["own_shop.models"], "own_shop.models.Churn", "not a class that programs may use"),
        (["own_shop.*"], "own_shopping.Churn", "not a class that programs may use"),
        (["own_shop.*"], "own_shop.models.Chrun", "cannot be loaded: .*Chrun"),
        (["own_shop.*"], "own_shop.models.fit", "is no class"),
        (["own_shop.*"], "own_shop.models.Popen", "is subprocess.Popen, which is not"),
        (["os system"], "os.system", "wants names such as my_package.MyModel"),
    ],
)
def test_other_names_are_refused(patterns: list[str], name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message), allowing(patterns):
        load_class(name)


def test_a_name_that_nobody_allowed_is_not_imported() -> None:
    with pytest.raises(PluginError):
        load_class("own_shop.models.Churn")
    assert "own_shop.models" not in sys.modules


def test_a_program_names_it() -> None:
    program = "SELECT * FROM t TO TRAIN own_shop.models.Churn LABEL y INTO m;"
    with pytest.raises(
        CompileError, match=r"unknown estimator 'own_shop\.models\.Churn'"
    ) as caught:
        compile_program(program)
    assert "hint: a class of your own must be in SQLFLOW_TRAINERS" in str(caught.value)
    with allowing(["own_shop.*"]):
        assert compile_program(program).steps
