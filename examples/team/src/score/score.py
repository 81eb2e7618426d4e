"""Tells fares: of one request online, of files in batches."""
import json
import os
import pathlib

import mlflow
import pandas

COLUMNS = ["distance", "minutes", "passengers"]
model = None


def init() -> None:
    global model
    model = mlflow.pyfunc.load_model(str(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "model"))


def run(data):
    if isinstance(data, list):  # the paths of a batch
        frames = [pandas.read_csv(path) for path in data]
        return pandas.concat(f.assign(fare=model.predict(f[COLUMNS])) for f in frames)
    rides = pandas.DataFrame(json.loads(data)["rides"], columns=COLUMNS)
    return {"fares": [float(fare) for fare in model.predict(rides)]}
