"""What the learned score of difficulty is worth on recorded answers of small and large models, and what it costs.

    python -m bench.difficulty [--data FOLDER] [--quick] [--json]

Every set is learned apart, five parts by question text: what is scored was not seen. Beside it stand plain TF-IDF (the
same regression over its own words), req.complexity, and `elsewhere`: the score as learned from all the other sets,
without questions that occur here too. `--quick` takes a small set that is made here.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.adapters.difficulty.examples import Example, Fields, read_examples
from pipeline.adapters.difficulty.gain import apgr
from pipeline.adapters.difficulty.train import SetGain, Settings, train
from pipeline.signals.difficulty import DifficultyModel, read_model, write_model

DATA = Path(os.environ.get("STEPWELL_DATA", Path(__file__).parents[2] / "shared" / "data"))
LLAMA = "systems.Meta-Llama-3_1-{}-Instruct.1"
SETS: dict[str, tuple[str, Fields]] = {
    "RouteLLM MMLU": ("routellm-cascade/mmlu.jsonl.gz", Fields()),
    "RouteLLM GSM8K": ("routellm-cascade/gsm8k.jsonl.gz", Fields()),
    "RouteLLM MT-Bench": (
        "routellm-cascade/mtbench.jsonl.gz",
        Fields(text="turns.0", weak="weak_score", strong="strong_score", best=10),
    ),
    "GSM8K verifiers": (
        "gsm8k-four-systems/solutions.jsonl.gz",
        Fields(weak="6b_verification.correct", strong="175b_verification.correct"),
    ),
    "BBH": ("bbh-direct-vs-cot/items.jsonl.gz", Fields()),
    "MMLU-Pro Llama 3.1": (
        "mmlupro-many-models/items.jsonl.gz",
        Fields(weak=LLAMA.format("8B"), strong=LLAMA.format("70B")),
    ),
    "MMLU Llama 3": (
        "mcq-confidence/mmlu_llama3_with_text.jsonl.gz",
        Fields(weak="Llama3-8b.0", strong="Llama3-70b.0"),
    ),
}
"""Name, file and fields of each set (EVALUATION.md, section 2)."""
WHOLE = Settings(fewest=80)
QUICK = Settings(bits=12, rounds=50)


def main() -> None:
    """Print the table, and whether it pays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the development data")
    parser.add_argument("--quick", action="store_true", help="a small set that is made here")
    parser.add_argument("--json", action="store_true", help="a JSON list")
    chosen = parser.parse_args()
    sets = {"made here": made()} if chosen.quick else dict(recorded(chosen.data))
    if not sets:
        print(f"skipped: there are no recorded answers in {chosen.data}; name their folder with --data")
        return
    rows = [measured(name, examples, QUICK if chosen.quick else WHOLE) for name, examples in sets.items()]
    for row in rows if len(sets) > 1 else ():
        row["learned_elsewhere"] = round(elsewhere(str(row["set"]), sets), 4)
    if chosen.json:
        json.dump(rows, sys.stdout, indent=1)
    else:
        show(rows)


def made(count: int = 300) -> list[Example]:
    """Questions of which those about one subject are too hard for the small model."""
    subjects = ("tensors and manifolds", "birds and rivers", "cooking and bread")
    return [
        Example(f"Question {n}: tell me of {subjects[n % 3]}", float(n % 3 > 0), 1.0, str(n), "made")
        for n in range(count)
    ]


def recorded(data: Path) -> Iterator[tuple[str, list[Example]]]:
    """The sets that are there. Questions with the same text before their options stand in one part."""
    for name, (file, fields) in SETS.items():
        if (data / file).is_file():
            read = read_examples([data / file], fields)
            yield name, [replace(example, key=example.key.split("\nA. ")[0]) for example in read]


def measured(name: str, examples: list[Example], settings: Settings) -> dict[str, object]:
    """One row of the table."""
    try:
        trained = train(examples, settings)
    except Exception as error:
        return {"set": name, "rows": len(examples), "sentence": f"{name}: {error}"}
    data = write_model(trained.learned)
    found = replace(trained.sets[0], name=name)
    row = dict(trained.learned.measured["sets"][0])  # type: ignore[arg-type,index,call-overload]
    micros = cost_us(read_model(data), " ".join(examples[0].text.split() * 300)[:1800])
    size = {"bytes": len(data), "micros_for_300_words": round(micros, 1)}
    return row | {"set": name, "sentence": found.sentence()} | size


def elsewhere(name: str, sets: dict[str, list[Example]]) -> float:
    """APGR on a set of a score that was learned from all the others: how far it carries."""
    own = {example.key for example in sets[name]}
    others = [each for other, examples in sets.items() if other != name for each in examples if each.key not in own]
    model = DifficultyModel(train(others, replace(WHOLE, compare=False, rounds=1)).learned, "")
    scores = np.array([model.raw(example.text) for example in sets[name]])
    return apgr(scores, np.array([(example.strong or 0.0) - example.weak for example in sets[name]]))


def cost_us(model: DifficultyModel, text: str, rounds: int = 500) -> float:
    """Microseconds of CPU for one score: the best of five runs."""

    def timed(work: Callable[[], object]) -> float:
        started = time.process_time()
        for _ in range(rounds):
            work()
        return time.process_time() - started

    return min(timed(lambda: model.score_text(text)) for _ in range(5)) / rounds * 1e6


def show(rows: list[dict[str, object]]) -> None:
    """A table, and a sentence for each set."""
    heads = ("rows", "W", "S", "APGR", "CPT50", "CPT80", "TF-IDF", "compl.", "elsew.", "ECE", "µs", "KiB")
    print(f"{'set':<20}" + "".join(f"{head:>7}" for head in heads))
    for row in rows:
        if "gain" in row:
            print(f"{row['set']!s:<20}" + "".join(f"{text:>7}" for text in cells(row)))
    print()
    for row in rows:
        print(row["sentence"])


def cells(row: dict[str, object]) -> list[str]:
    """The figures of a set as texts; shares of requests in per cent."""
    gain, tfidf, looks = (dict(row[name]) for name in ("gain", "tfidf", "complexity"))  # type: ignore[call-overload]
    shares = [f"{100 * gain[name]:.1f}" for name in ("cpt50", "cpt80")]
    others = [f"{each['apgr']:.3f}" for each in (tfidf, looks)]
    far = f"{row['learned_elsewhere']:.3f}" if "learned_elsewhere" in row else ""
    means = [f"{row[name]:.3f}" for name in ("weak", "strong")]
    cost = [f"{row['calibration_error']:.3f}", f"{row['micros_for_300_words']:.0f}", f"{int(str(row['bytes'])) >> 10}"]
    return [str(row["rows"]), *means, f"{gain['apgr']:.3f}", *shares, *others, far, *cost]


__all__ = ["SETS", "SetGain", "main"]

if __name__ == "__main__":
    main()
