"""Answers with the fare of a ride."""

import json
import os

import mlflow

model = None


def init():
    global model
    model = mlflow.pyfunc.load_model(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model"))


def run(text):
    rides = json.loads(text)["rides"]
    return {"fare": float(model.predict(rides)[0])}
