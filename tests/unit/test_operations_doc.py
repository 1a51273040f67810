"""docs/operations.md says what there is: metrics, alarms, log lines, settings and commands."""

from __future__ import annotations

import ast
import json
import re

import botocore.session
import pytest
from msgspec.structs import fields

from chalicelib.core.fanout import Fanout
from chalicelib.core.ports.meter import Metric
from tests.support.project import PROJECT

DOC = (PROJECT / "docs/operations.md").read_text()
RESOURCES = json.loads((PROJECT / "infra/resources.json").read_text())["Resources"]
ALARMS = {
    resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("fanfare-${Stage}-")
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
SECTIONS = {
    name: section
    for section in DOC.split("## Alarms\n")[1].split("\n## ")[0].split("\n### ")[1:]
    for name in re.findall(r"`([\w-]+)`", section.splitlines()[0])
}
BLOCKS = [
    text
    for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
    if not kind
]
QUESTIONS = [block for block in BLOCKS if "\n| " in block]
COMMANDS = [
    " ".join(command)
    for text in [
        *re.findall(r"`(aws [^`]+)`", DOC),
        *(block for block in BLOCKS if block not in QUESTIONS),
    ]
    for line in text.replace("\\\n", " ").splitlines()
    for command in re.findall(r"\baws ([a-z-]+) ([a-z-]+)( .*?)?(?=\baws [a-z]| \||\)|$)", line)
]


def noted() -> set[str]:
    """Every field that the code puts on a line, beside the metrics."""
    found = {"function", "function_request_id", "duration_ms", "code", "message", "task", "error"}
    for path in (PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "note":
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return found


ON_THE_LINE = noted() | {metric.name.lower() for metric in Metric}


def test_the_catalogue_is_that_of_the_code() -> None:
    """Each metric with its name on the line, its unit and its meaning, in the code's order."""
    rows = re.findall(r"^\| `([A-Z]\w+)` \| `(\w+)` \| (\w+) \| (.+) \|$", DOC, re.MULTILINE)
    assert rows == [
        (metric.title, metric.name.lower(), metric.unit, metric.meaning) for metric in Metric
    ]


def test_every_alarm_has_its_section() -> None:
    """And no section is about an alarm that is not there."""
    assert set(SECTIONS) == ALARMS


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_a_section_says_what_it_means_and_what_to_do(name: str) -> None:
    """Each alarm has its meaning, its cure, and the case in which it may be ignored."""
    bold = re.findall(r"^\*\*(\w+)\*\*: ", SECTIONS[name], re.MULTILINE)
    assert bold == ["Means", "Do", "Ignore"]


def test_the_fields_of_the_line_are_explained() -> None:
    """Every field that the code notes is in the table, and no other."""
    table = DOC.split("| field | on | what |")[1].split("\n\n")[0]
    first = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    # Those of the line `swallowed` are told along with it.
    assert set(re.findall(r"`(\w+)`", " ".join(first))) == noted() - {"task", "error"}


def test_the_example_holds_nothing_that_is_not_logged() -> None:
    """The line that is shown is one that the code writes, with Powertools' own fields before."""
    shown = json.loads(DOC.split("```json\n")[1].split("\n```")[0])
    own = {"level", "location", "message", "timestamp", "service"}
    assert own < shown.keys()
    assert shown.keys() - own <= ON_THE_LINE


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text.split("\n")[0])
def test_a_question_asks_for_fields_that_are_logged(question: str) -> None:
    """A word that is not of the query language, nor named in the query, is on our lines."""
    words = set(re.findall(r"(?<![@\w])[a-z_]+(?!\w)", re.sub(r'"[^"]*"', "", question)))
    named = set(re.findall(r" as (\w+)", question))
    language = {"fields", "filter", "sort", "stats", "limit", "by", "as", "and", "desc"}
    language |= {"ispresent", "count", "sum", "max"}
    assert words - language - named <= ON_THE_LINE


def test_there_are_questions_and_commands() -> None:
    """The tests of both see them."""
    assert len(QUESTIONS) == 4
    assert len(COMMANDS) == 15


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_aws_is_one(command: str) -> None:
    """The service has the operation, with these parameters; three are the command line's own."""
    service, operation, *rest = command.split()
    session = botocore.session.get_session()
    if operation == "wait":
        assert rest[0].title().replace("-", "") in session.get_waiter_model(service).waiter_names
        return
    model = session.get_service_model(service)
    names = {name.lower(): name for name in model.operation_names}
    shape = model.operation_model(names[operation.replace("-", "")]).input_shape
    known = {member.lower() for member in shape.members} if shape else set()
    used = {each.replace("-", "") for each in re.findall(r"--(?:no-)?([a-z-]+)", " ".join(rest))}
    assert used - {"query", "output", "endpointurl"} <= known


def test_the_settings_of_rooms_have_their_defaults() -> None:
    """The table of settings holds those of the fan-out, with what they are."""
    rows = re.findall(r"^\| `FANFARE_(\w+)` \| ([\d.]+)", DOC, re.MULTILINE)
    default = Fanout()
    there = {
        field.name.upper() + ("_MS" if "linger" in field.name else ""): getattr(default, field.name)
        for field in fields(Fanout)
    }
    assert {
        name: float(value) / (1000 if name.endswith("_MS") else 1) for name, value in rows
    } == there


def test_every_widget_that_is_named_is_on_the_dashboard() -> None:
    """A phrase in italics is a widget's title, or a line's, without its unit."""
    body = (PROJECT / "infra/resources.json").read_text()
    there = set(re.findall(r'\\"(?:title|label)\\": \\"([^"\\]+?)(?:,| \(|\\)', body))
    assert set(re.findall(r"(?<!\*)\*([A-Za-z][^*\n]+)\*(?!\*)", DOC)) <= there


def test_every_make_target_exists() -> None:
    """A command that it tells to run can be run."""
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"make (\w+) STAGE", DOC):
        assert f"\n{target}:" in makefile
