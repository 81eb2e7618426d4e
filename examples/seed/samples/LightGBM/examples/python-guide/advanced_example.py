"""Trains a gradient boosting model on random numbers and prints its error.

The job command-job.yml runs it once, sweep-job.yml many times with other
values of the flags.
"""
import argparse

import lightgbm
import numpy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--feature_fraction", type=float, default=0.9)
    parser.add_argument("--bagging_fraction", type=float, default=0.8)
    args = parser.parse_args()

    random = numpy.random.default_rng(0)
    features = random.random((1000, 10))
    target = features @ random.random(10)
    params = {
        "objective": "regression",
        "metric": "rmse",
        "learning_rate": args.lr,
        "feature_fraction": args.feature_fraction,
        "bagging_fraction": args.bagging_fraction,
        "bagging_freq": 1,
        "verbose": -1,
    }
    booster = lightgbm.train(params, lightgbm.Dataset(features, target), num_boost_round=50)
    rmse = float(numpy.sqrt(numpy.mean((booster.predict(features) - target) ** 2)))
    print(f"rmse: {rmse:.4f}")


if __name__ == "__main__":
    main()
