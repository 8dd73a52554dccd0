"""The benchmark: arithmetic, form, what is missing; never a speed."""

import contextlib
import re
import sys
from types import SimpleNamespace

import pytest

from helpers import environment, workspace
from helpers.data import sources
from helpers.files import ROOT
from helpers.model import training
from tools.benchmark import compare, growth, step, venv, waiting
from tools.benchmark import worker as workers
from tools.benchmark.worker import Failed, Pace, Worker
from tools.site import benchmark_page

KEPT = ROOT / "results" / "bench.json"
OF_GROWTH = ROOT / "results" / "growth.json"
MINIATURE = """--size 32 --width 4 --turns 2 --seconds 0.05 --calls 20
    --epochs 1 --target 0.001 --against"""
CONTENDER = """
from tools.benchmark.worker import serve
class Contender:
    speeds = iter({speeds})
    def speed(self, *_):
        print('libraries chatter')
        return next(self.speeds)
serve(Contender())
"""


@pytest.fixture
def fake(tmp_path):
    """A maker of contenders of given speeds; they end with the last one."""
    workers = []

    def make(*speeds):
        log = tmp_path / f"{len(workers)}.log"
        script = CONTENDER.format(speeds=list(speeds))
        workers.append(Worker([sys.executable, "-c", script], log))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def take_turns(tmp_path, turns, **workers):
    run = compare.Comparison(tmp_path, {"turns": turns, "seconds": 0.1})
    run.workers = workers
    run.networks.update({n: {"precisions": ["float32"]} for n in workers})
    run.take_turns()
    return run.report


def test_a_ratio_divides_what_was_measured_in_the_same_turn(tmp_path, fake):
    # train, infer, train, ...; the machine is half as fast in the last turn
    ours = fake(1, 1, 20, 60, 20, 60, 10, 30)
    plain = fake(9, 9, 10, 20, 10, 20, 5, 10)
    report = take_turns(tmp_path, 4, ours=ours, plain=plain)
    keys = ("low", "median", "high")
    ratios = {r["job"]: [r[key] for key in keys] for r in report["ratios"]}
    assert ratios == {"train": [2, 2, 2], "infer": [3, 3, 3]}
    assert report["speed"][0]["images_per_second"]["each"] == [20, 20, 10]


def test_the_faster_precision_of_the_other_counts():
    def row(network, precision, *speeds, job="train"):
        kind = {"network": network, "precision": precision, "job": job}
        return kind | {"images_per_second": compare.spread(speeds)}

    rows = [
        row("ours", "mixed_bfloat16", 30, 40),
        row("torch", "float32", 10, 20),
        row("torch", "mixed_bfloat16", 5, 5),
        row("ours", "mixed_bfloat16", 1, 1, job="infer"),
    ]
    (ratio,) = compare.ratios(rows)
    assert ratio["precision"] == "float32" and ratio["each"] == [3, 2]


def test_one_that_dies_is_left_out_with_its_reason(tmp_path, fake, capsys):
    report = take_turns(tmp_path, 2, ours=fake(1, 1, 1, 1), plain=fake(1))
    assert "StopIteration" in report["networks"]["plain"]["why_not"]
    assert {row["network"] for row in report["speed"]} == {"ours"}
    assert report["ratios"] == []
    assert "plain is left out" in capsys.readouterr().out


def test_without_our_network_there_is_no_benchmark(tmp_path, fake):
    with pytest.raises(Failed, match="StopIteration"):
        take_turns(tmp_path, 2, ours=fake(1), plain=fake(1, 1, 1, 1))


def test_where_pytorch_cannot_be_had_the_rest_is_done(tmp_path):
    run = compare.Comparison(tmp_path, {}, why_not="no connection")
    run.start("torch")
    assert run.networks["torch"]["why_not"] == "no connection"
    assert run.workers == {}


@pytest.mark.parametrize(
    ("theirs", "gap", "reason"),
    [(8, 0.0, "7 trainable.*PyTorch 8"), (7, 0.4, "differs by 0.4")],
)
def test_another_network_in_pytorch_is_noticed(tmp_path, theirs, gap, reason):
    run = compare.Comparison(tmp_path, {})
    run.networks["ours"] = {"parameters": 7}
    run.networks["torch"] = {"parameters": theirs}
    worker = type("Answers", (), {"ask": lambda self, job: gap})()
    with pytest.raises(Failed, match=reason + ".*up to date"):
        run.check_copy(worker)


def test_the_steps_fill_the_time_once_the_pace_is_known(monkeypatch):
    ticks, taken = iter([0, 0.02, 1, 1.2]), []
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr(workers, "time", clock)
    pace = Pace(lambda n: taken.append(n) or 8 * n)
    assert [pace(0.2), pace(0.2)] == pytest.approx([800, 800])
    assert taken == [2, 2, 20]  # the first two are not timed


def test_the_settings_are_those_of_notebook_4_on_a_cpu(monkeypatch):
    settings = compare.settings_of(compare.options([]), simulated=False)
    notebook = (ROOT / "notebooks" / "04_train_the_segmenter.py").read_text()
    cpu = compare.profile("cpu")
    names = ("image_size", "width", "epochs", "batch_size", "learning_rate")
    for name in names:
        default = re.search(rf"^{name}: \w+ = (\S+)", notebook, re.M)[1]
        own = settings[name.removeprefix("image_")]
        assert own == cpu.get(name, float(default)), name
    monkeypatch.setattr(environment, "gpu_capability", lambda: None)
    assert settings["precisions"][-1] == training.precision()


@pytest.mark.research
def test_a_miniature_run_measures_everything(phantom_root, tmp_path):
    path = tmp_path / "bench.json"
    where = ["--data", str(phantom_root), "--out", str(path)]
    compare.main([*where, *MINIATURE.split()])
    report = workspace.load(path)
    assert report["simulated"] is True
    jobs = [(row["network"], row["job"]) for row in report["speed"]]
    assert jobs == [("ours", "train"), ("ours", "infer")]
    for row in report["speed"]:
        (speed,) = row["images_per_second"].pop("each")  # the first turn's
        assert speed > 0 and set(row["images_per_second"].values()) == {speed}
    assert report["batches"]["pairs_per_second"]["low"] > 0
    assert 0 < report["batches"]["share_of_a_step"] < 1
    reached = report["to_dice"]["ours"]
    assert reached["epochs"] == 1 and reached["peak_memory_mb"] > 100
    assert (reached["seconds"] or 0) > 0 or reached["best"] < 0.001
    assert report["latency"]["largest_difference"] < 1e-4
    times = report["latency"]["ms"].values()
    assert all(0 < each["median"] <= each["p95"] for each in times)
    assert {"processor", "cores", "load_average"} <= set(report["machine"])
    assert [file.name for file in tmp_path.iterdir()] == ["bench.json"]
    text = benchmark_page.page(path)
    assert "Simulated (phantom) images" in text and report["command"] in text


def test_the_page_says_what_the_file_says(tmp_path):
    report = workspace.load(KEPT)
    assert report["simulated"] is False and "/" not in report["command"]
    speed = report["speed"][0]["images_per_second"]["median"]
    assert f"{benchmark_page.short(speed)} (" in benchmark_page.page(KEPT)
    report["networks"]["torch"] = {"why_not": "no connection"}
    report["speed"] = [r for r in report["speed"] if r["network"] != "torch"]
    report["to_dice"]["ours"]["seconds"] = None
    changed = tmp_path / "bench.json"
    changed.write_text(workspace.as_json(report))
    text = benchmark_page.page(changed)
    assert "Left out: the same network, PyTorch. no connection." in text
    assert "not reached in 300 s" in text


@pytest.mark.research
def test_every_step_is_measured_as_the_cases_grow(monkeypatch):
    monkeypatch.setattr(growth, "SOURCES", 2)
    monkeypatch.setattr(growth, "FEW", 50)
    rows = growth.measure([40, 80])
    assert [r["step"] for r in rows if r["cases"] == 40] == [*growth.STEPS]
    left_out = {*growth.STEPS} - {r["step"] for r in rows if r["cases"] == 80}
    assert left_out == {"near_duplicates"}
    assert all(r["seconds"] > 0 and r["peak_memory_mb"] > 10 for r in rows)


def test_the_imports_of_a_notebook_are_its_own_and_no_more():
    source = waiting.imports_of(ROOT / "notebooks" / "01_explore_the_data.py")
    lines = source.splitlines()
    assert "from helpers.data import burned_text" in lines
    assert all(line.startswith(("import ", "from ")) for line in lines)
    assert "tensorflow" not in source


def test_the_network_is_a_part_of_what_predict_takes(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "TURNS", 2)
    monkeypatch.setattr(waiting, "IMAGES", (2, 1, 1))
    found = waiting.predicting()
    assert found["images"] == 4 and found["ratio"]["median"] > 1


def test_the_exponent_is_that_of_the_two_largest_sizes():
    seconds = {10: 5, 100: 7, 1000: 700}
    rows = [
        {"cases": n, "step": "index", "seconds": s, "peak_memory_mb": 1}
        for n, s in seconds.items()
    ]
    assert growth.exponents(rows) == {"index": 2.0}


@pytest.mark.research
def test_a_step_is_profiled_beside_keras_parts_and_pytorch(monkeypatch):
    if not venv.PYTHON.exists():
        pytest.skip("no .venv-bench: `make bench` makes it")
    small = {"TURNS": 1, "STEPS": 2, "SIZE": 32, "WIDTH": 4}
    for name, value in small.items():
        monkeypatch.setattr(step, name, value)
    rows = step.measure()
    assert {*rows} == {"Keras", "here", "PyTorch"}
    for row in rows.values():
        assert len(row["step_ms"]["each"]) == 1
        assert row["groups"]["convolutions"] > 0 < row["groups"][step.REST]
        assert all(times > 0 for *_, times in row["operations"])


@pytest.mark.research
def test_the_copy_in_pytorch_is_our_network(phantom_root, tmp_path):
    if not venv.PYTHON.exists():
        pytest.skip("no .venv-bench: `make bench` makes it")
    small = compare.options(MINIATURE.split())
    settings = compare.settings_of(small, simulated=True)
    compare.prepare(sources.locate(str(phantom_root)), settings, tmp_path)
    run = compare.Comparison(tmp_path, settings, venv.PYTHON)
    with contextlib.closing(run):
        run.start("ours")
        run.start("torch")
    assert run.networks["torch"].get("why_not") is None
    assert run.networks["torch"]["largest_difference"] < 1e-4
