"""The training loop, checkpoints, evaluation, and networks on disk."""

from minifcn.training.checkpoint import CHECKPOINT_FILE, options_of_run, read_checkpoint, restore, save_checkpoint
from minifcn.training.evaluation import evaluate, predict, predictions
from minifcn.training.interrupts import Stop, stop_on_interrupt
from minifcn.training.loop import Interrupted, State, TrainingError, train, train_step
from minifcn.training.network import WEIGHTS_FILE, Card, load_network, no_such_run, runs_in, save_network
from minifcn.training.objective import Objective
from minifcn.training.recipe import RECIPES, Recipe
from minifcn.training.shipped import PRETRAINED, pretrained, pretrained_record

__all__ = [
    "CHECKPOINT_FILE",
    "PRETRAINED",
    "RECIPES",
    "WEIGHTS_FILE",
    "Card",
    "Interrupted",
    "Objective",
    "Recipe",
    "State",
    "Stop",
    "TrainingError",
    "evaluate",
    "load_network",
    "no_such_run",
    "options_of_run",
    "predict",
    "predictions",
    "pretrained",
    "pretrained_record",
    "read_checkpoint",
    "restore",
    "runs_in",
    "save_checkpoint",
    "save_network",
    "stop_on_interrupt",
    "train",
    "train_step",
]
