"""Jobs of each type: submit, show, list, cancel, archive, restore."""

from azure.ai.ml import load_job
from azure.core.exceptions import HttpResponseError

from case import Case
from world import gone, keep, world


class Jobs(Case):
    def made(self, file, variant, **overrides):
        made = self.ml.jobs.create_or_update(self.load(load_job, file, **overrides))
        keep(f"job/{made.name}", variant, content=variant == "spark")  # Spark takes code from a folder only
        self.assertIn(made.name, self.names(self.ml.jobs.list()))
        return self.ml.jobs.get(made.name)

    def test_command(self):
        made = self.made("jobs/command.yml", "command")
        self.assertEqual((made.type, made.display_name, made.experiment_name), ("command", "Train", "fares"))
        self.assertTrue(made.studio_url.startswith("https://ml.azure.com/runs/train-by-client"))
        self.assertEqual(made.limits.timeout, 3600)
        self.assertIn("default", made.outputs)
        self.assertLessEqual({"Studio", "Tracking", "board"}, set(made.services))

    def test_sweep(self):
        made = self.made("jobs/sweep.yml", "sweep")
        self.assertEqual((made.type, made.objective.goal.lower()), ("sweep", "minimize"))
        self.assertEqual(made.search_space["depth"].values, [3, 5, 7])

    def test_pipeline(self):
        made = self.made("jobs/pipeline.yml", "pipeline")
        self.assertEqual((made.type, sorted(made.jobs)), ("pipeline", ["check", "clean", "tune"]))

    def test_spark(self):
        self.assertEqual(self.made("jobs/spark.yml", "spark").conf["spark.driver.memory"], "2g")

    def test_automl(self):
        self.assertEqual(self.made("jobs/automl.yml", "automl").target_column_name, "b")

    def test_code_is_found_again(self):
        """Code of the same content is found by its hash and not sent again."""
        before = world().requests(method="PUT", collection="codes/versions")["requests"]
        self.made("jobs/command.yml", "command", name="train-again")
        self.assertEqual(before, world().requests(method="PUT", collection="codes/versions")["requests"])

    def test_update(self):
        self.made("jobs/command.yml", "command", name="train-named")
        job = self.ml.jobs.get("train-named")
        job.display_name, job.tags = "Renamed", {"team": "fares", "by": "client"}
        self.ml.jobs.create_or_update(job)
        shown = self.ml.jobs.get("train-named")
        self.assertEqual((shown.display_name, shown.tags["by"]), ("Renamed", "client"))

    def test_what_is_missing(self):
        job = self.load(load_job, "jobs/command.yml", name="train-nothing", environment="azureml:nothing:1")
        self.refused(lambda: self.ml.jobs.create_or_update(job), error=HttpResponseError)
        gone("job/train-nothing")

    def test_cancel(self):
        self.made("jobs/command.yml", "command", name="train-canceled")
        self.ml.jobs.begin_cancel("train-canceled").result()
        self.assertIn(self.ml.jobs.get("train-canceled").status, ("Canceled", "CancelRequested"))

    def test_archive_and_restore(self):
        self.ml.jobs.create_or_update(self.load(load_job, "jobs/sweep.yml", name="tune-archived"))
        self.ml.jobs.archive("tune-archived")
        self.assertNotIn("tune-archived", self.names(self.ml.jobs.list()))
        self.ml.jobs.restore("tune-archived")
        self.assertIn("tune-archived", self.names(self.ml.jobs.list()))
        self.ml.jobs.archive("tune-archived")
        gone("job/tune-archived")

    def test_absent(self):
        self.absent(lambda: self.ml.jobs.get("nothing"))
