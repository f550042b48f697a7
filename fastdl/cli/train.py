"""The command `fastdl train`: any multi-layer perceptron on any data, in a folder from which it goes on."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastdl
from fastdl._launch import launched
from fastdl._version import __version__
from fastdl.cli import options, ranks

if TYPE_CHECKING:
    from fastdl.cli.settings import TrainingData
    from fastdl.optim import Optimizer
    from fastdl.train import Checkpoints, EpochRecord, StepRecord
    from fastdl.train.monitor import Metric

CONFIG = "config.json"
_METRICS = ("metrics.jsonl", "metrics.csv")
_NOT_KEPT = ("debug", "resume", "overwrite", "out", "threads")  # options that are not of the run itself
_OF_FOLDER = ("overwrite", "out")  # of which --resume takes the place
_PATHS = ("data_dir", "labels", "validation", "validation_labels")
_MAY_CHANGE = ("epochs", "steps")  # when a run is resumed


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "train",
        "train a multi-layer perceptron; Ctrl-C saves it, --resume goes on with it",
        "fastdl train --data digits --hidden 50,50 --norm batch --optimizer adamw --schedule cosine --out run",
    )
    data = options.add_file_data(command)
    options.add_labels(data)
    options.add_scale(data, "1/255 for bytes of a file, the data set's, else 1")
    _add_validation(command.add_argument_group("validation"))
    _add_network(command.add_argument_group("network"))
    _add_optimizer(command.add_argument_group("optimizer"))
    _add_course(command.add_argument_group("course"))
    options.add_seed(command)
    options.add_threads(command)
    add = command.add_argument
    command.epilog = f"{command.epilog}    # on two ranks: mpiexec -n 2 fastdl train ..."
    add("--out", type=Path, default=Path("fastdl-train"), metavar="FOLDER", help="of the run (default: %(default)s)")
    add("--overwrite", action="store_true", help="begin anew where the folder holds a run")
    add("--resume", type=Path, metavar="FOLDER", help="go on with the run there; of the options only --epochs, --steps")
    command.set_defaults(
        run=_run, is_parallel=True, defaults={action.dest: action.default for action in command._actions}
    )


def _add_validation(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--validation", type=Path, metavar="FILE", help="data to validate each epoch with")
    add("--validation-labels", type=Path, metavar="FILE", help="its labels, in NPY or IDX")
    add("--validation-share", type=float, default=0.1, metavar="SHARE",
        help="of the training rows, without --validation (default: %(default)s)")  # fmt: skip


def _add_network(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--hidden", default="100", metavar="SIZES",
        help='units of the hidden layers, with commas between; "" for none (default: %(default)s)')  # fmt: skip
    add("--activation", default="relu", metavar="NAME", help="such as tanh or gelu (default: %(default)s)")
    add("--norm", choices=("none", "batch", "layer"), default="none", help="of hidden layers (default: %(default)s)")
    add("--dropout", type=float, default=0.0, metavar="SHARE", help="of the hidden layers (default: %(default)s)")
    add("--init", default="he", metavar="NAME", help="initial weights: a name or a deviation (default: %(default)s)")
    add("--weight-decay", type=float, default=0.0, metavar="RATE", help="in the loss (default: %(default)s)")
    add("--dtype", choices=("float32", "float64"), default="float32", help="of the weights (default: %(default)s)")


def _add_optimizer(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--optimizer", default="adam", metavar="NAME", help="such as sgd or lion (default: %(default)s)")
    add("--lr", type=float, metavar="RATE", help="learning rate (default: the optimizer's)")
    add("--set", action="append", default=[], metavar="NAME=VALUE",
        help="another setting, such as beta1=0.95, clip_norm=1 or ema=0.99; again for more")  # fmt: skip
    add("--schedule", metavar="NAME", help="of the learning rate, such as cosine or step-decay:every=100,factor=0.5")
    add("--warmup", type=int, default=0, metavar="N", help="steps with a smaller learning rate (default: %(default)s)")


def _add_course(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--epochs", type=int, metavar="N", help="passes over the data (default: 20)")
    add("--steps", type=int, metavar="N", help="mini-batches, in place of epochs")
    add(
        "--batch-size",
        type=int,
        default=100,
        metavar="N",
        help="rows in a mini-batch, of all ranks together (default: %(default)s)",
    )
    add("--patience", type=int, metavar="N", help="end after so many epochs without improvement")
    add("--min-delta", type=float, default=0.0, metavar="X", help="what counts as one (default: %(default)s)")
    add("--metric", choices=("validation_loss", "validation_accuracy", "loss"),
        help="whose best epoch is kept (default: validation_loss; loss without validation)")  # fmt: skip
    add("--save-every", type=int, metavar="N", help="steps between checkpoints, besides each epoch's")
    add("--keep", type=int, default=1, metavar="N", help="checkpoints that stay (default: %(default)s)")


def _run(arguments: argparse.Namespace) -> None:
    from fastdl.cli import settings

    resumed = arguments.resume is not None
    given = arguments.epochs is not None or arguments.steps is not None
    together = ranks.together()
    with together.agreed():
        if resumed:
            arguments = _of_run(arguments)
            options.check_numbers(arguments)
        data = settings.training_data(arguments)
        steps = _steps(arguments, len(data.train[0]))
        if not resumed:
            arguments.schedule_steps = steps
        network: Any = settings.network(arguments, data.train[0].shape[1], len(data.classes))
        optimizer = settings.optimizer(arguments, arguments.schedule_steps)
    summary = _summary(data, network)
    if launched()[1] > 1:
        from fastdl.parallel import DataParallel

        network = DataParallel(network)
    with together.agreed():
        options.set_threads(arguments)  # after the ranks have shared the cores
        run = _Run(arguments, data, network, optimizer, steps)
        is_finished = resumed and not run.restore(steps, given)
        if not resumed and together.writes:
            _begin(arguments, {"network": network.get_config(), "optimizer": optimizer.get_config()})
    if is_finished:
        print(f"{arguments.out}: finished; --epochs or --steps with a larger number has it go on")
        return
    print(summary, flush=True)
    with ranks.watched(arguments.out):
        run.fit()
    print(f"written: {arguments.out}")


def _summary(data: TrainingData, network: Any) -> str:
    """What is trained on what: a wrong column of labels shows in it."""
    (x, _), parameters = data.train, sum(array.size for array in network.params.values())
    validated = "" if data.validation is None else f", {len(data.validation[0]):,} for validation"
    return (
        f"{len(x):,} rows{validated}; {x.shape[1]:,} features, {len(data.classes):,} classes; "
        f"{'-'.join(map(str, network.sizes))}, {parameters:,} parameters"
    )


def _of_run(arguments: argparse.Namespace) -> argparse.Namespace:
    """The options of the run that is to go on, with those of the command that may differ."""
    changed = [name for name, value in arguments.defaults.items() if getattr(arguments, name, value) != value]
    if wrong := [name for name in changed if name in _OF_FOLDER or name not in (*_NOT_KEPT, *_MAY_CHANGE)]:
        raise fastdl.errors.HyperparameterError(
            "cannot change when a run goes on", arg=f"--{wrong[0].replace('_', '-')}", hint="Begin another run",
        )  # fmt: skip
    path = arguments.resume / CONFIG
    try:
        kept = json.loads(path.read_text())["options"]
        kept = {name: Path(value) if name in _PATHS and value is not None else value for name, value in kept.items()}
        if kept.keys() != {*arguments.defaults, "schedule_steps"} - {*_NOT_KEPT, "help"}:
            raise KeyError(name for name in kept)
    except OSError as error:
        raise fastdl.errors.DataError(
            f"there is no run in {str(arguments.resume)!r}: {error.strerror}", arg="--resume"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise fastdl.errors.DataError(f"{str(path)!r} is not what a run writes", arg="--resume") from error
    if "epochs" in changed or "steps" in changed:
        kept |= {"epochs": arguments.epochs, "steps": arguments.steps}
    return argparse.Namespace(**kept, out=arguments.resume, threads=arguments.threads)


def _steps(arguments: argparse.Namespace, rows: int) -> int:
    """The steps of the whole run."""
    steps: int | None = arguments.steps
    if steps is None:
        batch_size: int = arguments.batch_size
        return (20 if arguments.epochs is None else arguments.epochs) * -(-rows // batch_size)
    if arguments.epochs is not None:
        raise fastdl.errors.HyperparameterError(
            "both given", arg="--epochs, --steps", hint="Give the one that ends the run"
        )
    return steps


def _begin(arguments: argparse.Namespace, configs: dict[str, Any]) -> None:
    """Write what the run is, in a folder that holds no other."""
    from fastdl._files import make_folder, write_atomically

    folder = arguments.out
    make_folder(folder)
    old = list(folder.glob("*.safetensors"))
    if old and not arguments.overwrite:
        raise fastdl.errors.DataError(
            f"{str(folder)!r} holds a run", arg="--out",
            hint=f"--resume {shlex.quote(str(folder))} goes on with it, --overwrite begins anew, "
            "another --out keeps it",
        )  # fmt: skip
    for path in old:
        path.unlink()
    kept = {name: getattr(arguments, name) for name in arguments.defaults if name not in (*_NOT_KEPT, "help")}
    if arguments.data not in options.DATA_SETS:
        kept["data"] = Path(arguments.data)
    kept = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in kept.items()}
    content = {"fastdl": __version__, "options": kept | {"schedule_steps": arguments.schedule_steps}, **configs}
    write_atomically(folder / CONFIG, (json.dumps(content, indent=1) + "\n").encode())


class _Run:
    """A trainer with the callbacks of a run."""

    def __init__(
        self, arguments: argparse.Namespace, data: TrainingData, network: Any, optimizer: Optimizer, steps: int
    ) -> None:
        from fastdl.train import Checkpoints, EarlyStopping, MetricsLog, Trainer

        self.folder, self.data = arguments.out, data
        self.checksum = data.checksum()
        metric: Metric = arguments.metric or ("loss" if data.validation is None else "validation_loss")
        if metric != "loss" and data.validation is None:
            raise fastdl.errors.HyperparameterError(
                "there is no validation data", arg="--metric", expected="loss", got=repr(metric)
            )
        if arguments.min_delta != 0 and arguments.patience is None:
            raise fastdl.errors.HyperparameterError("there with --patience only", arg="--min-delta")
        notes = {"classes": list(data.classes), "scale": data.scale, "data": self.checksum}
        self.saving = Checkpoints(
            arguments.out, every=arguments.save_every, keep=arguments.keep, best=metric, notes=notes
        )
        self.stopping = (
            None
            if arguments.patience is None
            else EarlyStopping(arguments.patience, min_delta=arguments.min_delta, metric=metric)
        )
        self.interrupts = _Interrupts(self.saving)
        callbacks: list[Callable[[StepRecord | EpochRecord], object]] = [
            _print_epoch,
            *(MetricsLog(arguments.out / name) for name in _METRICS),
            *_observers(optimizer, data),
            *([] if self.stopping is None else [self.stopping]),
            self.saving,
            self.interrupts,
        ]
        self.trainer = Trainer(
            network, optimizer, batch_size=arguments.batch_size, steps=steps, seed=arguments.seed, callbacks=callbacks
        )

    def restore(self, steps: int, extended: bool) -> bool:
        """Take over the latest checkpoint of the folder; whether something is left to do."""
        from fastdl.train import latest_checkpoint, load_checkpoint

        checkpoint = load_checkpoint(latest_checkpoint(self.folder))
        if checkpoint.notes.get("data") != self.checksum:
            raise fastdl.errors.CheckpointError(
                "the run began with other data", arg="--resume", hint="Give its files the contents that they had"
            )
        network: Any = self.trainer.network
        checkpoint.restore(network, self.trainer.optimizer, self.trainer)
        left = max(steps - len(self.trainer.history.losses), 0)
        self.trainer.load_state_dict(self.trainer.state_dict() | {"left": left})
        is_within_epoch = self.trainer.state_dict()["taken"] is not None
        is_stopped = self.stopping is not None and self.stopping.is_due and not extended
        return is_within_epoch or (left > 0 and not is_stopped)

    def fit(self) -> None:
        """Train, and tell what the best epoch comes to."""
        from fastdl.train import evaluate, load_checkpoint
        from fastdl.train.checkpoints.callback import BEST

        with self.interrupts.kept():
            self.trainer.fit(*self.data.train, scale=self.data.scale, validation=self.data.validation)
        if not self.trainer.writes:
            return
        path = options.checkpoint_of(self.folder)
        best = load_checkpoint(path)
        text = f"best epoch: {best.trainer['epoch'] if best.trainer else 0}"
        if path.name != BEST:
            text = "best epoch: none, no loss was finite; a smaller --lr may help"
        if self.data.test is not None:
            loss, accuracy = evaluate(best.make_network(), *self.data.test, scale=self.data.scale)
            text += f"; on the test data: loss {loss:.4f}, accuracy {accuracy:.2%}"
        print(text)


def _print_epoch(record: StepRecord | EpochRecord) -> None:
    from fastdl.train import EpochRecord

    if isinstance(record, EpochRecord):
        print(record, flush=True)


def _observers(optimizer: Optimizer, data: TrainingData) -> list[Callable[[StepRecord | EpochRecord], None]]:
    """The callback that a learning rate needs which depends on the loss."""
    from fastdl.optim.schedules import ReduceOnPlateau, Warmup
    from fastdl.train import EpochRecord

    rate = optimizer.lr.then if isinstance(optimizer.lr, Warmup) else optimizer.lr
    if not isinstance(rate, ReduceOnPlateau):
        return []

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            rate.observe(record.loss if record.validation_loss is None else record.validation_loss)

    return [observe]


class _Interrupts:
    """A callback that ends the run after the step in which Ctrl-C was pressed, saved; a second one ends it at once."""

    def __init__(self, saving: Checkpoints) -> None:
        self._saving = saving
        self._presses = 0

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        if self._presses:
            raise KeyboardInterrupt

    def interrupted(self) -> None:
        """Save what the step has left; called by the trainer's ``fit``."""
        if self._presses < 2:
            print(f"saved: {self._saving.save()}", flush=True)

    def _press(self, *_: object) -> None:
        self._presses += 1
        if self._presses > 1:
            raise KeyboardInterrupt

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep Ctrl-C until the step is done."""
        before = signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
