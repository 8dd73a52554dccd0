"""The benchmark: its arithmetic, its form, what is missing; never a speed."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from helpers.data import sources
from tools import setup_env
from tools.benchmark import compare, venv
from tools.benchmark.worker import Failed, Pace, Worker
from tools.site import benchmark_page

KEPT = ROOT / "results" / "bench.json"


@pytest.fixture
def fake(tmp_path):
    """Return a maker of contenders whose speeds are given beforehand."""
    workers = []

    def make(*speeds, ending="pass"):
        script = (
            "from bench_worker import serve\n"
            f"speeds = iter({list(speeds)})\n"
            "def speed(*_):\n"
            "    print('libraries chatter')\n"
            "    try:\n"
            "        return next(speeds)\n"
            "    except StopIteration:\n"
            f"        {ending}\n"
            "serve({'speed': speed})\n"
        )
        log = tmp_path / f"{len(workers)}.log"
        command = [sys.executable, "-c", script]
        workers.append(Worker(command, log, PYTHONPATH=str(ROOT / "tools")))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def taking_turns(tmp_path, turns, **workers):
    run = compare.Bench(tmp_path, {"turns": turns, "seconds": 0.1})
    run.workers = workers
    run.report["networks"] = {
        name: {"precisions": ["float32"]} for name in workers
    }
    run.take_turns()
    return run.report


def test_a_ratio_divides_what_was_measured_in_the_same_turn(tmp_path, fake):
    # train, infer, train, ...; the machine is half as fast in the last turn
    ours = fake(1, 1, 20, 60, 20, 60, 10, 30)
    plain = fake(9, 9, 10, 20, 10, 20, 5, 10)
    report = taking_turns(tmp_path, 4, ours=ours, plain=plain)
    found = {
        r["job"]: (r["low"], r["median"], r["high"]) for r in report["ratios"]
    }
    assert found == {"train": (2, 2, 2), "infer": (3, 3, 3)}
    assert report["speed"][0]["images_per_second"]["each"] == [20, 20, 10]


def test_the_faster_precision_of_the_other_counts():
    def row(network, precision, *speeds, job="train"):
        told = {"network": network, "precision": precision, "job": job}
        return told | {"images_per_second": compare.spread(speeds)}

    rows = [
        row("ours", "mixed_bfloat16", 30, 40),
        row("torch", "float32", 10, 20),
        row("torch", "mixed_bfloat16", 5, 5),
        row("ours", "mixed_bfloat16", 1, 1, job="infer"),
    ]
    (ratio,) = compare.ratios(rows)
    assert ratio["precision"] == "float32" and ratio["each"] == [3, 2]


def test_a_contender_that_dies_is_left_out_with_its_reason(
    tmp_path, fake, capsys
):
    dying = fake(1, ending="raise MemoryError('no room for it')")
    report = taking_turns(tmp_path, 2, ours=fake(1, 1, 1, 1), plain=dying)
    assert (
        "MemoryError: no room for it" in report["networks"]["plain"]["why_not"]
    )
    assert {row["network"] for row in report["speed"]} == {"ours"}
    assert report["ratios"] == []
    assert "plain is left out" in capsys.readouterr().out


def test_without_our_network_there_is_no_benchmark(tmp_path, fake):
    dying = fake(1, ending="raise ValueError('out of luck')")
    with pytest.raises(Failed, match="out of luck"):
        taking_turns(tmp_path, 2, ours=dying, plain=fake(1, 1, 1, 1))


def test_where_pytorch_cannot_be_had_the_rest_is_done(tmp_path):
    def offline():
        raise setup_env.Stop("no connection to the package index")

    run = compare.Bench(tmp_path, {"precisions": ["float32"]})
    run.start("torch", compare.once(offline))
    assert run.report["networks"]["torch"]["why_not"].startswith(
        "no connection"
    )
    assert run.workers == {}


@pytest.mark.parametrize(
    ("theirs", "gap", "said"),
    [(8, 0.0, "7 trainable.*PyTorch 8"), (7, 0.4, "differs by 0.4")],
)
def test_another_network_in_pytorch_is_noticed(tmp_path, theirs, gap, said):
    run = compare.Bench(tmp_path, {})
    run.report["networks"] = {
        "ours": {"parameters": 7},
        "torch": {"parameters": theirs},
    }
    worker = type("Answers", (), {"ask": lambda self, job: gap})()
    with pytest.raises(Failed, match=said + ".*up to date"):
        run.compare(worker)


def test_the_steps_fill_the_time_once_the_pace_is_known():
    taken = []

    def run(n):
        taken.append(n)
        compare.time.sleep(0.01 * n)
        return 8 * n

    pace = Pace(run)
    assert pace(0.2) > 0 and pace(0.2) > 0
    assert taken[0] == 2 and 5 < taken[1] <= 20


def test_the_settings_are_those_of_notebook_4_on_a_cpu(monkeypatch):
    from helpers.model import training

    told = compare.settings_of(compare.options([]), simulated=False)
    notebook = (ROOT / "notebooks" / "04_train_the_segmenter.py").read_text()
    cpu = yaml.safe_load((ROOT / "profiles" / "cpu.yaml").read_text())
    for name, own in {"image_size": "size"}.items() | {
        (name, name)
        for name in ("width", "epochs", "batch_size", "learning_rate")
    }:
        declared = re.search(rf"^{name}: \w+ = (\S+)", notebook, re.MULTILINE)[
            1
        ]
        assert told[own] == cpu.get(name, float(declared)), name
    monkeypatch.setattr(training.place, "gpu_capability", lambda: None)
    assert told["precisions"][-1] == training.precision()


@pytest.fixture(scope="module")
def small(phantom_root, tmp_path_factory):
    """The file of a miniature run without rivals, on simulated images."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    small = (
        "--size 32 --width 4 --turns 2 --seconds 0.05 --calls 20 --epochs 1"
    )
    rest = ["--target", "0.001", "--against", "--out", str(path)]
    compare.main(["--data", str(phantom_root), *small.split(), *rest])
    return path


def test_a_miniature_run_measures_everything(small):
    report = json.loads(small.read_text())
    assert report["simulated"] is True and report["schema"] == 1
    jobs = [(row["network"], row["job"]) for row in report["speed"]]
    assert jobs == [("ours", "train"), ("ours", "infer")]
    for row in report["speed"]:
        told = row["images_per_second"]
        assert 0 < told["low"] <= told["median"] <= told["high"]
        assert len(told["each"]) == report["settings"]["turns"] - 1
    assert report["batches"]["pairs_per_second"]["low"] > 0
    assert 0 < report["batches"]["share_of_a_step"] < 1
    reached = report["to_dice"]["ours"]
    assert reached["epochs"] == 1 and reached["peak_memory_mb"] > 100
    assert (reached["seconds"] or 0) > 0 or reached["best"] < 0.001
    assert report["latency"]["largest_difference"] < 1e-4
    for times in report["latency"]["ms"].values():
        assert 0 < times["median"] <= times["p95"]
    assert set(report["machine"]) >= {
        "processor",
        "cores",
        "load_average",
        "started",
    }
    assert not list(small.parent.glob(".partial*"))


def test_the_page_says_what_the_file_says(small, tmp_path):
    text = benchmark_page.page(small)
    report = json.loads(small.read_text())
    assert "Simulated (phantom) images" in text and report["command"] in text
    speed = report["speed"][0]["images_per_second"]["median"]
    assert f"{benchmark_page.short(speed)} (" in text
    report["networks"]["torch"] = {"why_not": "no connection"}
    report["to_dice"]["ours"]["seconds"] = None
    report["gpu_memory"] = {
        "mb": 570,
        "size": 256,
        "width": 32,
        "batch_size": 8,
    }
    changed = tmp_path / "bench.json"
    changed.write_text(json.dumps(report))
    text = benchmark_page.page(changed)
    assert "Left out: the same network, PyTorch. no connection." in text
    assert "not reached in 300 s" in text and "0.6 GB" in text


def test_without_a_kept_run_the_page_tells_how_to_make_one(tmp_path):
    assert "make bench" in benchmark_page.page(tmp_path / "bench.json")


def test_the_page_holds_no_number_of_its_own():
    source = (ROOT / "tools" / "bench_page.py").read_text()
    typed = set(re.findall(r"(?<![\w.:{\[])\d[\d.]*(?![\w\]])", source))
    assert typed <= {"1", "16000", "1000", "18", "16"}, typed  # ResNet-18, GB


@pytest.mark.skipif(not KEPT.exists(), reason="no benchmark is kept yet")
def test_the_kept_run_is_whole():
    report = json.loads(KEPT.read_text())
    assert report["simulated"] is False and len(report["data"]) == 64
    assert report["command"].startswith("python tools/bench.py")
    assert "/" not in report["command"].replace("tools/bench.py", "")
    assert benchmark_page.page(KEPT).count("\n## ") == 7
    assert all(
        row["peak_memory_mb"] < 6000 for row in report["to_dice"].values()
    )


def test_the_readme_quotes_the_kept_run():
    told = json.loads(KEPT.read_text())["to_dice"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"took {told['ours']['seconds']:.0f} s to a Dice of {told['ours']['target']}"
        in readme
    )
    assert told["plain"]["seconds"] is None
    assert f"got there in {told['plain']['limit']:.0f} s" in readme


def test_the_copy_in_pytorch_is_our_network(phantom_root, tmp_path):
    if not Path(venv.PYTHON).exists():
        pytest.skip("no .venv-bench: `make bench` makes it")
    small = compare.options(["--size", "32", "--width", "4"])
    settings = compare.settings_of(small, simulated=True)
    compare.prepare(sources.locate(str(phantom_root)), settings, tmp_path)
    run = compare.Bench(tmp_path, settings)
    try:
        run.start("ours", None)
        run.start("torch", lambda: venv.PYTHON)
    finally:
        run.close()
    assert run.report["networks"]["torch"].get("why_not") is None
    assert run.report["networks"]["torch"]["largest_difference"] < 1e-4
