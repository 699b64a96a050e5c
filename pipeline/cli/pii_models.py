"""`stepwell pii train | models | use`: models that find names, made on this machine, installed by digest."""

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.cli.show import beside, console, errors_as_sentences, print_json, print_rows
from pipeline.errors import InvalidRequest, NotFound, PartMissing
from pipeline.policy.problems import did_you_mean
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.pii.training import Recipe, Trained

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
RootOption = Annotated[
    Path | None, typer.Option("--in", help="Folder of models; models/names of STEPWELL_HOME otherwise.")
]
STOCK = "stock"
_SHORT = 12


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    group.command("train")(train_command)
    group.command("models")(models_command)
    group.command("use")(use_command)


# ---------------------------------------------------------------- train


@errors_as_sentences
def train_command(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of labelled texts of your own (.jsonl or .jsonl.gz).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of texts, order and split: the same seed makes the same model.")] = 7,
    recipe: Annotated[Path | None, typer.Option(help="YAML or JSON with fields of the recipe.")] = None,
    generated: Annotated[bool, typer.Option(help="Learn generated texts too.")] = True,
    use: Annotated[bool, typer.Option(help="Put the model into use.")] = True,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune the model that finds names, on one thread, and install it by its digest.

    A line of labelled text is {"text": …, "spans": [["PERSON", 0, 4], …]}, with "template" where texts are alike. The
    scores are those on templates that were not learnt.

    Example: stepwell pii train

    Example: stepwell pii train labelled/ --seed 3 --recipe recipe.yaml --json
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read when numpy is imported, which the next line does
    training = _training()
    wanted = _recipe(recipe, training.Recipe)
    trained = _trained(training, folder, wanted, seed, generated=generated)
    where = _root(root)
    place = training.install(where, trained)
    if use:
        training.activate(where, trained.digest)
    scores: dict[str, dict[str, float]] = trained.manifest.get("scores", {})
    if as_json:
        print_json({"digest": trained.digest, "folder": str(place), "in_use": use, "manifest": trained.manifest})
        return
    rows = [{"type": kind, **figures} for kind, figures in scores.items()]
    print_rows(rows, ("type", "labels", "recall", "precision", "f2"), as_json=False, title="Templates not learnt")
    console.print(f"{trained.digest}\ninstalled in {place}", highlight=False, markup=False, soft_wrap=True)
    later = f"not in use: stepwell pii use {trained.digest[:_SHORT]}"
    console.print("in use by scans that start from now on" if use else later, highlight=False)


def _training() -> Any:
    try:
        from pipeline.adapters.pii import training
    except ImportError as error:
        raise PartMissing(f"{error.name} is not installed, and training needs it: pip install {error.name}") from None
    return training


def _recipe(file: Path | None, kind: "type[Recipe]") -> "Recipe":
    """The recipe with the fields that the file gives."""
    if file is None:
        return kind()
    try:
        given = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"{file} cannot be read ({error.strerror}): name a file with a recipe") from None
    except (YAMLError, UnicodeDecodeError):
        raise InvalidRequest(f"{file} is neither YAML nor JSON") from None
    if not isinstance(given, dict):
        raise InvalidRequest(f"{file}: a recipe is a list of fields with their values, such as epochs: 3")
    known = [field.name for field in dataclasses.fields(kind)]
    for name in given:
        if name not in known:
            raise InvalidRequest(f"{file}: there is no field {name}{did_you_mean(str(name), known)}")
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"{file}: {first['loc'][0]}: {first['msg']}") from None


def _trained(training: Any, folder: Path | None, recipe: "Recipe", seed: int, *, generated: bool) -> "Trained":
    if folder is None and not generated:
        raise InvalidRequest("there is nothing to learn: name a folder of labelled texts, or leave --no-generated out")
    try:
        own = training.read_folder(folder) if folder is not None else []
    except training.TextRefused as error:
        raise InvalidRequest(str(error)) from None
    documents = [*own, *(training.generate(recipe, seed) if generated else [])]
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=beside, transient=True, disable=not beside.is_terminal) as bar:
        task = bar.add_task("learning", total=recipe.epochs * len(training.split(documents, recipe.held_out, seed)[0]))

        def tell(epoch: int, learnt: int, loss: float) -> None:
            bar.update(task, advance=learnt - seen.get(epoch, 0), description=f"epoch {epoch}, loss {loss:,.0f}")
            seen[epoch] = learnt

        seen: dict[int, int] = {}
        try:
            trained: Trained = training.train(documents, recipe, seed, progress=tell)
        except training.ModelRefused as error:
            raise InvalidRequest(str(error)) from None
    return trained


# ---------------------------------------------------------------- models, use


@errors_as_sentences
def models_command(root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the models that find names, and which of them scans on this machine use.

    Example: stepwell pii models
    """
    rows = list(_rows(_root(root)))
    if not as_json:
        rows = [row | {"model": str(row["model"])[:_SHORT]} for row in rows]
    columns = ("model", "from", "in use", "person F2", "seed", "documents", "trouble")
    print_rows(rows, columns, as_json=as_json, whole=("model",))


@errors_as_sentences
def use_command(
    model: Annotated[str, typer.Argument(help="The digest of a model or its beginning, shipped, or stock.")],
    root: RootOption = None,
) -> None:
    """Choose the model that finds names, for scans that start from now on; a worker takes it when it starts.

    Example: stepwell pii use 3f9c2a7b41d0

    Example: stepwell pii use shipped
    """
    models, where = _models(), _root(root)
    if model == "shipped":
        (where / "active").unlink(missing_ok=True)
    elif model == STOCK:
        models.activate_stock(where)
    else:
        found = [digest for digest in _digests(where) if digest.startswith(model)]
        if len(found) != 1:
            what = "no model" if not found else "more than one model"
            raise NotFound(f"{what} in {where} begins with {model}: `stepwell pii models` lists them")
        try:
            models.activate(where, found[0])
        except models.ModelRefused as error:
            raise InvalidRequest(str(error)) from None
        model = found[0]
    sys.stdout.write(f"{model}\n")
    if os.environ.get("STEPWELL_NAMES"):
        beside.print("STEPWELL_NAMES is set and counts more than this choice", style="yellow", highlight=False)


def _models() -> Any:
    try:
        from pipeline.adapters.pii import models
    except ImportError as error:
        raise PartMissing(f"{error.name} is not installed: without it names are not found") from None
    return models


def _root(given: Path | None) -> Path:
    return given if given is not None else Settings.from_environment().home / "models" / "names"


def _digests(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("*/manifest.json") if not path.parent.name.startswith("."))


def _rows(home: Path) -> Iterator[dict[str, object]]:
    """Installed models, those that came along, and the stock one."""
    models = _models()
    found: list[dict[str, object]] = []
    used: str | None = None
    for place, root in (("home", home), ("shipped", models.SHIPPED)):
        rows = [_row(models, root, digest) | {"from": place} for digest in _digests(root)]
        whole = [row["model"] for row in rows if not row["trouble"]]
        chosen = models.active(root)
        if used is None and chosen in (STOCK, *whole):
            used = chosen
        found += rows
    found.append({"model": STOCK, "from": models.MODEL, "trouble": ""})
    for row in found:
        yield row | {"in use": "yes" if row["model"] == (used or STOCK) else ""}


def _row(models: Any, root: Path, digest: str) -> dict[str, object]:
    try:
        manifest = models.open_model(root, digest).manifest
    except models.ModelRefused as error:
        return {"model": digest, "trouble": str(error)}
    return {
        "model": digest,
        "person F2": manifest.get("scores", {}).get("PERSON", {}).get("f2"),
        "seed": manifest.get("seed"),
        "documents": manifest.get("documents", {}).get("learnt"),
        "base": manifest.get("base"),
        "trouble": "",
    }
