# MLflow's side of `cargo xtask bench metrics`: its store of metrics on PostgreSQL, as its tracking server calls it, in one
# process that is asked line by line, so that neither Python's start nor its imports are measured.
#
#   python store.py URL ARTIFACTS RUNS
#
# Asked {"batches": 10, "points": 200} it logs so many batches of so many points of the five values, one run after the
# other in turns, and answers {"milliseconds": [...]}: the time of each `log_batch`, the making of what is passed to it left out. A
# batch has at most 1,000 values, by MLflow's own limit. The first line that it prints says which version it is.

import json
import random
import sys
import time

import mlflow
from mlflow.entities import Metric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

START = 1_767_225_600_000  # 2026-01-01 in milliseconds

url, artifacts, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqlAlchemyStore(url, artifacts)
experiment = store.create_experiment("bench")
runs = [
    store.create_run(experiment, user_id="bench", start_time=START, tags=[], run_name=f"run-{number}").info.run_id
    for number in range(count)
]
steps = [0] * count
noise = random.Random(20260115)


def point(step):
    values = {
        "training_loss": round(0.5 + 2 / (1 + step / 1000) + noise.uniform(-0.05, 0.05), 4),
        "learning_rate": 0.0002 / (1 + step / 10000),
        "gradient_norm": 0.8 + noise.uniform(-0.1, 0.1),
        "throughput": round(1800 + noise.uniform(-20, 20), 3),
        "gpu_utilization": round(95 + noise.uniform(-4, 4), 1),
    }
    return [Metric(key, value, START + 1000 * step, step) for key, value in values.items()]


def batch(run, points):
    first = steps[run] + 1
    steps[run] += points
    return [metric for step in range(first, first + points) for metric in point(step)]


print(json.dumps({"version": mlflow.__version__}), flush=True)
turn = 0
for line in sys.stdin:
    asked = json.loads(line)
    batches = []
    for _ in range(asked["batches"]):
        run = turn % count
        batches.append((runs[run], batch(run, asked["points"])))
        turn += 1
    milliseconds = []
    for run_id, metrics in batches:
        start = time.perf_counter()
        store.log_batch(run_id, metrics, [], [])
        milliseconds.append((time.perf_counter() - start) * 1000)
    print(json.dumps({"milliseconds": milliseconds}), flush=True)
