"""The benchmark: its declared targets, its counting, its tables and charts."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import processes
from bench.load import Load
from bench.measure import PARTS, Run
from bench.picture import picture
from bench.report import Table, number
from bench.rounds import Row
from bench.running import Running
from bench.stage import LOCK, RIVALS, Stage, staged
from bench.target import Target, TargetError, targets
from bench.world import World
from tests.conftest import need
from tests.support.live_server import ROOT, program

ALL = targets()
QUIET = Load(requests=1000, seconds=1, p50=1, p95=2, p99=3, broken=0, refused=0)
RUN = Run(QUIET, cpu=30, memory=90, at_rest=80, start=1, size=12_000, zipped=3_000, others=0)


# --- targets ---


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_every_setting_of_a_target_is_valid(target: Target, tmp_path: Path):
    running = Running(target, Stage(World(tmp_path, 10)))
    commands = running.commands()
    assert commands
    assert not re.search(r"[{}]", str(commands))
    for module in re.findall(r"bench\.[a-z.]+", f"{target.run} {target.prepare}"):
        assert ROOT.joinpath(module.replace(".", "/") + ".py").exists(), module
    running.stop()


def test_target_names_are_unique_and_one_target_is_the_baseline():
    assert len({target.name for target in ALL}) == len(ALL)
    assert [target.part for target in ALL if target.is_base] == ["ours"]


def test_a_pattern_selects_targets_by_name_and_by_part():
    assert {target.part for target in targets("^ours")} == {"ours"}
    assert all("gunicorn" in target.name.lower() for target in targets("GUNICORN"))
    assert targets("no such server") == []


def test_other_programs_are_pinned_with_hashes():
    lock = LOCK.read_text()
    blocks = re.findall(r"(?m)^([\w-]+)==.*(?:\n .*)*", lock)
    assert lock.count("==") - lock.count("== ") >= len(blocks) > 10
    assert all("--hash=sha256:" in block for block in re.split(r"(?m)^(?=\w)", lock) if block)
    assert not re.search(r"://|--(extra-)?index-url|--find-links", lock)
    wanted = re.findall(r"(?m)^([\w-]+)", ROOT.joinpath("bench/rivals.in").read_text())
    assert set(wanted) <= set(blocks)


# --- numbers and reports ---


def test_the_processor_time_of_grandchildren_is_counted():
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", outer], **pipes) as process:
        process.stdout.readline()
        family = processes.family([process.pid])
        spent, held = processes.cpu(family), processes.memory(family)
        process.communicate(b"\n")
    assert len(family) == 2
    assert 0.45 < spent < 5
    assert 5 < held < 100


def test_a_ratio_compares_runs_of_the_same_round():
    """Both targets are half as fast in the second round, so it was the machine."""
    ours, theirs = Row(ALL[0]), Row(ALL[1])
    for rate in (1000, 500, 1000):
        ours.runs.append(replace(RUN, load=replace(QUIET, requests=rate)))
        theirs.runs.append(replace(RUN, load=replace(QUIET, requests=rate // 4)))
    assert theirs.ratio_to(ours) == 0.25
    assert (ours.rate, ours.spread) == (1000, 0.5)
    assert theirs.ratio_to(None) is None


def test_refused_requests_are_not_counted():
    assert replace(QUIET, requests=1000, refused=400).rate == 600


def test_the_weight_of_a_page_includes_files_from_its_own_server():
    page = """<link rel="stylesheet" href="/a.css"><link rel='alternate' href='/feed'>
        <link rel='stylesheet' media='all' href='http://127.0.0.1:8000/b.css?ver=6'>
        <script defer src="/c.js"></script><img alt="" src="https://elsewhere.example/d.png">"""
    assert PARTS.findall(page) == ["/a.css", "/b.css?ver=6", "/c.js"]


@pytest.mark.parametrize(
    ("value", "formatted"),
    [(123456.7, "123,457"), (100, "100"), (12.34, "12.3"), (0.5678, "0.568")],
)
def test_a_number_has_three_significant_digits(value: float, formatted: str):
    assert number(value) == formatted


def test_a_table_is_valid_markdown():
    lines = str(Table("A", ["target", "rate"], [["one", "1"]])).splitlines()
    assert lines == ["## A", "", "| target | rate |", "| --- | ---: |", "| one | 1 |"]


def test_the_chart_has_a_dot_for_each_target_and_supports_dark_mode():
    rows = [Row(target, [RUN]) for target in ALL]
    drawn = picture([*rows, Row(replace(ALL[0], name="<none> & nothing"), [RUN])])
    tree = ElementTree.fromstring(drawn)  # noqa: S314 -- drawn by us
    assert len(tree.findall("{*}circle")) == len(ALL) + 1
    assert "prefers-color-scheme: dark" in drawn
    assert picture([Row(ALL[0], fault="needs nginx")]) == ""


# --- pages of the targets ---


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(30, tmp_path_factory.mktemp("bench")) as stage:
        yield stage


SERVED = [
    "nginx, static file",
    "Sanic, bare handler, 1 worker",
    "nginx, this blog",
]


@pytest.mark.slow
@pytest.mark.nginx
@pytest.mark.parametrize("name", [*SERVED, "nginx, uWSGI, Flask", "Django, Gunicorn sync"])
def test_a_target_serves_the_common_page(stage: Stage, name: str):
    """`Running` compares length and content."""
    target = next(target for target in ALL if target.name == name)
    need("nginx", program("nginx") or not target.front)
    if target.needs_rivals and not RIVALS.exists():
        pytest.skip("`make bench` installs what is compared with")
    with Running(target, stage, workers=1) as it:
        family = it.processes
        assert it.page.status == 200
        assert stage.world.expected_texts[-1] in it.page.text
        assert it.took > 0
    assert processes.memory(family) == 0, "something was left behind"


@pytest.mark.slow
@pytest.mark.server
def test_a_different_page_is_refused(stage: Stage):
    ours = next(target for target in ALL if target.is_base)
    with (
        pytest.raises(TargetError, match="answered 200"),
        Running(replace(ours, path="/archive"), stage),
    ):
        pass
