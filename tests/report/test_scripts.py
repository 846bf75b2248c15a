"""Laws of the scripts of a page: modules that join without clashes, and none that could execute what it is given."""

import json
import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splinework.errors import ConfigError
from splinework.report import scripts
from splinework.report.scripts import asset, bundled, embedded
from tests.families import every

MODULES = sorted(
    path.name for path in files("splinework.report").joinpath("assets").iterdir() if path.name.endswith(".js")
)
DEFINED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+|\[[\w, ]+\])", re.MULTILINE)


def test_no_two_modules_define_the_same_name():
    names = [
        name for module in MODULES for found in DEFINED.findall(asset(module)) for name in re.findall(r"\w+", found)
    ]
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []


@every("module", MODULES)
def test_no_module_executes_or_parses_what_it_is_given(module):
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setTimeout\(\"|fetch\(|XMLHttp"
    )
    assert not re.search(forbidden, asset(module))


@pytest.mark.parametrize("entry", ["plain", "report"])
def test_a_bundle_has_every_module_once_and_no_import_left(entry):
    text = bundled(entry, before="const liveModel = null, liveLayers = [];")
    assert not re.search(r"^\s*(import|export)\b", text, re.MULTILINE)
    names = [name for found in DEFINED.findall(text) for name in re.findall(r"\w+", found)]
    assert len(names) == len(set(names))
    assert "</script" not in text.lower()


def test_modules_that_import_each_other_are_refused(monkeypatch):
    texts = {"a.js": 'import { b } from "./b.js";', "b.js": 'import { a } from "./a.js";'}
    monkeypatch.setattr(scripts, "asset", texts.__getitem__)
    with pytest.raises(ConfigError, match="a -> b -> a"):
        bundled("a")


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(st.text() | st.integers(-9, 9) | st.floats() | st.none(), lambda inner: st.lists(inner, max_size=4))
)
def test_embedded_data_come_back_and_begin_no_markup(value):
    def plain(each):
        if isinstance(each, list):
            return [plain(one) for one in each]
        return None if isinstance(each, float) and not abs(each) < float("inf") else each

    text = embedded(value)
    assert json.loads(text) == plain(value)
    assert not set("<>&\u2028") & set(text)
