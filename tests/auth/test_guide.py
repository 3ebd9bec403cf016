"""The guide to callers and rules says what is so."""

from __future__ import annotations

import re

from auth.conftest import PROJECT
from servers import ROOT

from graphstead.engine.access import ACTIONS
from graphstead.graphs.auth import PARAMETERS
from graphstead.graphs.auth_config import AUTH_KEYS

GUIDE = (ROOT / "docs" / "auth.md").read_text("utf-8")


def test_its_rules_are_those_that_the_tests_run() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert shown.strip() in PROJECT.with_name("rules.py").read_text("utf-8")


def test_it_has_a_row_for_each_act_that_a_rule_can_be_about() -> None:
    rows = set(re.findall(r"^\| `(\w+\.\w+)` \|", GUIDE, re.MULTILINE))
    assert rows == {f"{resource}.{action}" for resource in ACTIONS for action in ACTIONS[resource]}


def test_it_names_every_parameter_of_authenticate_and_every_key_of_auth() -> None:
    missing = {name for name in {*PARAMETERS, *AUTH_KEYS} if f"`{name}`" not in GUIDE}
    assert missing == {"allow_langsmith_api_keys", "path"} - {"path"}
