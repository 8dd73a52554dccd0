"""Keep the tables of a finished run on real images in results/, with how they were made.

python tools/keep_results.py runs/busi-cpu

Copies CSV and JSON only: no picture, no array and no model of the real images.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "manifest.json"
TOLD = ("parameters", "seconds", "peak_memory_mb")


def provenance(run):
    """Return the command, parameters, versions and seconds of every step of a run."""
    manifests = [
        json.loads(path.read_text()) for path in sorted(run.glob(f"*/{MANIFEST}"))
    ]
    if not manifests or any(manifest["simulated"] for manifest in manifests):
        sys.exit(f"{run} is no finished run on real images: nothing was kept.")
    profile = run.name.split("-", 1)[1]
    return {
        "command": f'make run-all DATA="folder or zip of BUSI" PROFILE={profile}',
        "data": manifests[0]["data"],
        "device": manifests[-1]["device"],
        "versions": manifests[-1]["versions"],
        "steps": {
            manifest["step"]: {key: manifest[key] for key in TOLD if key in manifest}
            for manifest in manifests
        },
    }


def keep(run):
    """Write results/<run>/ anew, by rename."""
    made = provenance(run)
    target = ROOT / "results" / run.name
    scratch = Path(tempfile.mkdtemp(dir=ROOT / "results"))
    for step in made["steps"]:
        for path in sorted((run / step).glob("*.[cj]s*")):
            if path.suffix in (".csv", ".json") and path.name not in (
                MANIFEST,
                "run.json",
            ):
                shutil.copyfile(path, scratch / path.name)
    (scratch / "made_by.json").write_text(json.dumps(made, indent=1) + "\n")
    scratch.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(scratch, target)
    print(f"kept {len(list(target.iterdir()))} files in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    keep(Path(sys.argv[1]).resolve())
