"""A fit that is followed by TensorBoard and MLflow, and read back from both.

The callbacks take the packages from the environment and write where they are told, nowhere else.

Run: python examples/interoperation/tracking.py (some seconds; needs the packages of `splinework[track]`)
"""

import argparse
import logging
import os
import tempfile
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what their own imports warn of
    import mlflow
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import torch

import splinework as sw
from splinework.train.trackers import MLflow, TensorBoard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few steps")
    steps = 20 if parser.parse_args().quick else None
    logging.getLogger("alembic").setLevel(logging.ERROR)  # MLflow sets its database up, and says so at length
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(300, 2, generator=generator) - 1
    y = torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="mlflow|sqlalchemy|alembic|tensorboard|google")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
        mlflow.create_experiment("sine", artifact_location=f"file://{folder}/files")
        mlflow.set_experiment("sine")
        with mlflow.start_run(run_name="two inputs") as run:
            model = sw.KAN([2, 1], generator=generator)
            mlflow.log_params({"shape": model.config.shape, "basis": str(model.config.bases[0])})
            board = TensorBoard(os.path.join(folder, "board"))
            result = sw.fit(model, x, y, steps=steps, progress=False, callbacks=[MLflow(), board])
            sw.save(result.model, os.path.join(folder, "model.safetensors"))
            mlflow.log_artifact(os.path.join(folder, "model.safetensors"))
        client = mlflow.MlflowClient()
        history = client.get_metric_history(run.info.run_id, "rmse_validation")
        print(f"MLflow: {len(history)} steps, the best RMSE on held-out rows {min(m.value for m in history):.2e}")
        print(f"MLflow: files {[file.path for file in client.list_artifacts(run.info.run_id)]}")
        events = EventAccumulator(os.path.join(folder, "board"), size_guidance={"scalars": 0})
        events.Reload()
        scalars = events.Scalars("rmse_train")
        print(f"TensorBoard: {len(scalars)} steps of {len(events.Tags()['scalars'])} scalars, stages as text")
        print(f"TensorBoard: grid of {events.Scalars('grid')[-1].value:.0f} intervals at the end")
    print(f"the history of the fit: {len(result.history.steps)} steps")


if __name__ == "__main__":
    main()
