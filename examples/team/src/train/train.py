"""Trains a model that tells the fare of a ride."""
import argparse
import pathlib

import mlflow
import pandas
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rides", type=pathlib.Path, required=True)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--depth", type=float, default=8)
    parser.add_argument("--model")
    args = parser.parse_args()

    rides = pandas.concat(pandas.read_csv(f) for f in sorted(args.rides.glob("*.csv")))
    x, y = rides[["distance", "minutes", "passengers"]], rides["fare"]
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    model = RandomForestRegressor(n_estimators=args.trees, max_depth=int(args.depth), random_state=0)
    model.fit(x_train, y_train)
    mlflow.log_metric("mae", mean_absolute_error(y_test, model.predict(x_test)))
    if args.model:
        mlflow.sklearn.save_model(model, args.model)


if __name__ == "__main__":
    main()
