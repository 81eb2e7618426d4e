"""Learns the fares of rides and leaves a model behind."""

import argparse
import os

import mlflow
import pandas
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rides", required=True)
    parser.add_argument("--trees", type=int, default=50)
    args = parser.parse_args()

    files = sorted(os.listdir(args.rides))
    rides = pandas.concat(pandas.read_csv(os.path.join(args.rides, f)) for f in files)
    known, unseen = train_test_split(rides, test_size=0.2, random_state=1)
    model = RandomForestRegressor(n_estimators=args.trees, random_state=1)
    model.fit(known.drop(columns="fare"), known["fare"])

    mae = mean_absolute_error(unseen["fare"], model.predict(unseen.drop(columns="fare")))
    mlflow.set_tag("mae", round(mae, 2))
    mlflow.sklearn.log_model(model, "model")


if __name__ == "__main__":
    main()
