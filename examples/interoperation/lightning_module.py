"""A KAN in Lightning: the network is a module like any other, and grids follow the data in a callback of ten lines.

Run: python examples/interoperation/lightning_module.py (some seconds; needs the package lightning)
"""

import argparse
import logging
import tempfile
import warnings

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its own imports warn of
    import lightning

from splinework import KAN, KANLayer
from splinework.interpret.edit import adapt_within


class Regression(lightning.LightningModule):
    """Squared errors and Adam."""

    def __init__(self, shape: list[int], rate: float = 2e-2) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = KAN(shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = nn.functional.mse_loss(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self.log("rmse", nn.functional.mse_loss(self(batch[0]), batch[1]).sqrt())

    def configure_optimizers(self) -> dict[str, object]:
        optimiser = torch.optim.Adam(self.parameters(), lr=self.hparams.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=self.trainer.max_epochs)
        return {"optimizer": optimiser, "lr_scheduler": schedule}


class FollowGrids(lightning.Callback):
    """Before some epochs, puts grids where the activations of the given inputs are; the function stays.

    Tensors keep their shapes and identities, so the optimiser need not know.
    """

    def __init__(self, x: Tensor, epochs: tuple[int, ...] = (2, 10)) -> None:
        self.x, self.epochs = x, epochs

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.current_epoch in self.epochs:
            part, x = module.model, self.x.to(module.device)
            part.load_state_dict(adapt_within(part, lambda twin: twin(x), margin=0.05).state_dict())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few epochs")
    epochs = 4 if parser.parse_args().quick else 40
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no banner
    generator = torch.Generator().manual_seed(0)
    x = 6 * torch.rand(2500, 2, generator=generator) - 3
    y = torch.sin(x[:, :1]) * x[:, 1:]
    train, test = TensorDataset(x[:2000], y[:2000]), TensorDataset(x[2000:], y[2000:])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.random.fork_rng():
        warnings.filterwarnings("ignore", module="lightning.*")  # it advises workers; for 2000 rows they cost more
        lightning.seed_everything(0, verbose=False)
        module = Regression([2, 5, 1])
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=[FollowGrids(x[:2000])],
            default_root_dir=folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        print(f"before: RMSE {trainer.validate(module, DataLoader(test, 500), verbose=False)[0]['rmse']:.4f}")
        trainer.fit(module, DataLoader(train, 100, shuffle=True), DataLoader(test, 500))
        print(f"after {epochs} epochs: RMSE {trainer.callback_metrics['rmse']:.4f}, spread of y {float(y.std()):.3f}")
        trainer.save_checkpoint(f"{folder}/last.ckpt")
        again = Regression.load_from_checkpoint(f"{folder}/last.ckpt", weights_only=True)
    with torch.no_grad():
        print(f"the same from its checkpoint: {torch.equal(again(x), module(x))}")
    grid = next(part for part in module.modules() if isinstance(part, KANLayer)).knots()[0]
    print(f"the first grid reaches from {float(grid[3]):.2f} to {float(grid[-4]):.2f}")


if __name__ == "__main__":
    main()
