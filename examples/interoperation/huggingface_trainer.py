"""A KAN in Hugging Face's `Trainer`: a model with a configuration, saved and loaded as theirs are. No hub, no network.

`Trainer` wants a dictionary with the loss; `PreTrainedModel` gives `save_pretrained` and `from_pretrained`. A plain
`nn.Module` with the same `forward` trains just as well.

Run: python examples/interoperation/huggingface_trainer.py (some seconds; needs the packages transformers and accelerate)
"""

import argparse
import os
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

import splinework as sw
from splinework.interpret.edit import adapt_within


class KANClassifierConfig(PretrainedConfig):
    """Plain values, written to config.json."""

    model_type = "kan-classifier"

    def __init__(self, shape: tuple[int, ...] = (30, 2), grid: int = 3, **options: object) -> None:
        super().__init__(**options)
        self.shape, self.grid = list(shape), grid


class KANForClassification(PreTrainedModel):
    """Rows to logits, and the loss where there are labels."""

    config_class = KANClassifierConfig

    def __init__(self, config: KANClassifierConfig) -> None:
        super().__init__(config)
        self.kan = sw.KAN(config.shape, grid=config.grid, domain=(-2.5, 2.5), init="power")
        self.post_init()

    def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.kan(x)
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


class FollowGrids(TrainerCallback):
    """Puts grids where the activations are, once after the first epoch; the optimiser need not know."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def on_epoch_end(self, args, state, control, model, **others) -> None:  # type: ignore[no-untyped-def]
        if round(state.epoch) == 1:
            x = self.x.to(model.device)
            model.load_state_dict(adapt_within(model, lambda twin: twin(x), margin=0.1).state_dict())


def together(rows: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Rows to the arguments of `forward`."""
    x, labels = zip(*rows, strict=True)
    return {"x": torch.stack(x), "labels": torch.stack(labels)}


def accuracy(prediction) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few epochs")
    epochs = 2 if parser.parse_args().quick else 15
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    x, y = torch.tensor(rows[order], dtype=torch.float32), torch.tensor(labels[order])
    x = (x - x[:400].mean(0)) / x[:400].std(0)
    train, test = TensorDataset(x[:400], y[:400]), TensorDataset(x[400:], y[400:])
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        torch.manual_seed(0)
        model = KANForClassification(KANClassifierConfig())
        arguments = TrainingArguments(
            folder, num_train_epochs=epochs, per_device_train_batch_size=32, learning_rate=1e-2, weight_decay=0.1,
            lr_scheduler_type="cosine", report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True,
            logging_strategy="no", seed=0, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = Trainer(
            model, arguments, data_collator=together, train_dataset=train, eval_dataset=test, compute_metrics=accuracy,
            callbacks=[FollowGrids(x[:400])],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        found = trainer.evaluate()
        print(
            f"{epochs} epochs: {found['eval_accuracy']:.1%} of {len(test)} unseen rows right, loss {found['eval_loss']:.3f}"
        )
        linear = LogisticRegression().fit(x[:400], y[:400])
        print(f"logistic regression: {linear.score(x[400:], y[400:]):.1%}")
        model.save_pretrained(folder)
        again = KANForClassification.from_pretrained(folder)
    with torch.no_grad():
        print(f"the same from its folder: {torch.equal(again(x)['logits'], model.eval()(x)['logits'])}")


if __name__ == "__main__":
    main()
